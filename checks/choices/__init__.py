"""A choice of settings, repeated: models trained on one part of the training frames alone and
scored on the rest of these, so that no test frame has a say."""
