"""Makes the packages installable; requirements.txt has the exact pins that were tried together."""

from setuptools import find_packages, setup

setup(
    name="neural-network-potentials",
    version="0.2.0",
    description="Reference reimplementation of '3 approaches to neural network potentials' (2019)",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(
        include=[
            "amp_baseline*",
            "analysis*",
            "data_gen*",
            "keras_models*",
            "reproduction*",
            "figures*",
            "fitting*",
        ]
    ),
    package_data={
        "data_gen": ["published/*"],
        "reproduction": ["*.csv", "show/templates/*.j2", "sweeps/templates/*.j2"],
        "figures": ["templates/*.css"],
        "fitting": ["templates/*.j2"],
    },
    entry_points={
        "console_scripts": [
            "nnp-train = fitting.commands:train",
            "nnp-evaluate = fitting.commands:evaluate",
        ]
    },
    install_requires=[
        "ase>=3.29.0",
        "asap3>=3.13.11",
        "filelock>=4.3.1",
        "jinja2>=3.1.6",
        "keras>=3.15.1",
        "markdown-it-py>=4.3.0",
        "matplotlib>=3.11.2",
        "numpy>=1.26.4",
        "rich>=15.0.0",
        # Amp's optimiser uses its line search, which is not public.
        "scipy>=1.17.1,<1.18",
        "tensorflow>=2.21.0",
        "threadpoolctl>=3.8.0",
        "vesin>=0.5.8",
    ],
)
