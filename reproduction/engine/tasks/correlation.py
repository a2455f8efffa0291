"""Task "correlation": correlation times and independent samples of a trajectory (appendix A)."""

import numpy as np

from analysis.correlation import Correlation, frame_interval_ps, series_of
from reproduction.engine.store import RunResult
from reproduction.engine.tasks.common import Job


def run(job: Job) -> list[RunResult]:
    """Analyse training and test part as one series. Deterministic: independent of the seed.

    There must be no frames between the two parts.
    """
    interval = frame_interval_ps(job.train)
    sizes = {"train": len(job.train), "test": len(job.test)}
    n = sum(sizes.values())
    metrics, windows = {}, {}
    arrays = {"covariance_interval_ps": np.array(interval), "covariance_samples": np.array(n)}
    for name, series in series_of((job.train, job.test)).items():
        found = Correlation.of(series)
        windows[name] = found.window
        metrics |= {
            ("", f"{name}_next_correlation"): found.next_frame,
            ("", f"{name}_correlation_time"): found.time * interval,
            ("", f"{name}_correlation_time_error"): found.time_error * interval,
        }
        for split, frames in {"": n, **sizes}.items():
            metrics[split, f"{name}_independent_samples"] = found.independent_samples(frames)
        # At lags beyond half the frames there is little to average over.
        arrays[f"covariance_{name}"] = found.covariance[: n // 2]
    info = {"ended": "solved", "windows_in_frames": windows}
    return [RunResult(seed, {}, metrics, arrays, info) for seed in job.seeds]
