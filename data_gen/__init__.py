"""Generation of training data by molecular dynamics, and their storage and checks."""
