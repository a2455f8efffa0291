"""From a file of frames to a potential: training on own data, its errors on a page, evaluation.

>>> from fitting import Config, evaluate, train
>>> train(Config(files=("my.extxyz",), minutes=10.0), Path("my-potential"))
>>> evaluate("my-potential", frames).metrics

Independent of the report's experiments. The commands are ``scripts/train.py`` and
``scripts/evaluate.py``.
"""
