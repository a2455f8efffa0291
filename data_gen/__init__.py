"""Data to train on, made by molecular dynamics or read from anybody's files; storage and checks."""
