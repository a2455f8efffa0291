"""From a file of frames to a potential: training on own data, its errors on a page, evaluation.

>>> from fitting.config import Config
>>> from fitting.training import train
>>> train(Config(files=("my.extxyz",), minutes=10.0), Path("my-potential"))
>>> from fitting.evaluation import evaluate
>>> evaluate("my-potential", ase.io.read("other.extxyz", ":")).metrics

Independent of the report's experiments. The commands are ``scripts/train.py`` and
``scripts/evaluate.py``.
"""
