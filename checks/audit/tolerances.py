"""Tolerances of the audit, with their reasons."""

# Relative: errors recomputed from the predictions of all test frames. metrics.csv has seven digits,
# an uncertainty of at most 5e-7, and no table shows more than four. The effect of rounding forces
# to float32 is added, computed for each error.
ERROR = 1e-5
# Relative: errors from learning curves, which are float32. For energies of 5 eV, float32 has steps
# of 5e-7 eV, which is this fraction of an RMSE of 5 meV.
CURVE = 1e-4
# Errors on all frames from those on some: standard errors of the mean square, and frames among the
# others that may have the largest error. Squares of errors have long tails, and one frame dominates
# some of these errors.
STANDARD_ERRORS, OUTLIERS = 5, 3
# Relative: means and standard deviations of a few numbers, summed in two ways.
STATISTIC = 1e-9
# eV: energies of the same frames, one stored as float32 (up to 8 eV, in steps of 5e-7 eV).
SAME_ENERGY = 1e-6
# Frames from the start that are the same on every processor within SAME_ENERGY. Rounding errors
# grow by a factor e in 6 frames and take 130 to reach SAME_ENERGY, while another seed, temperature,
# time step or potential shows within the first few.
SAME_FRAMES = 50
# Repeated rows: difference of the means over seeds, in units of the standard deviation over seeds
# (the root mean square of here and committed). With five seeds each and only different rounding,
# means differ typically by 0.63 of it, and by three of it (t = 4.7 with 8 degrees of freedom) once
# in 700 times. An audit judges a hundred numbers, which are correlated within rows: on another
# processor, about one audit in ten finds one beyond the limit by chance. Then that row, not the
# report, needs a closer look.
SPREADS = 3.0
# Relative standard deviation of an RMSE between trajectories, in addition to that between seeds, if
# this processor gives another trajectory. The best pair-only model's test RMSE varies by 0.04 over
# eight trajectories whose starts differ by 1e-10 Å, the forces themselves by 0.03. The value is
# half as large again, because three times this is not widened for few samples. In a ninth
# trajectory an atom left the cluster; on a processor with such a trajectory there are no data to
# compare, and part c reports this.
TRAJECTORY = 0.06
# Relative: deterministic rows on the same trajectory, such as least squares, whose last digits
# depend on the order of sums.
DETERMINISTIC = 1e-5
