"""What counts as agreement, each number with its reason."""

# Errors taken again from the predictions of all test frames. metrics.csv has seven digits, which
# is 5e-7 at worst, and no table shows more than four. What float32 forces are rounded by comes on
# top, worked out for each error.
ERROR = 1e-5
# Errors taken from learning curves: float32, and energies of 5 eV in float32 come in steps of
# 5e-7 eV, which is this much of an RMSE of 5 meV.
CURVE = 1e-4
# Means and standard deviations by two ways of adding up a handful of numbers.
STATISTIC = 1e-9
# Energies (eV) of the same frames, one of them stored as float32 (up to 8 eV in steps of 5e-7 eV).
SAME_ENERGY = 1e-6
# Frames from the start that every processor gives alike within SAME_ENERGY. Rounding grows by a
# factor e in 6 frames: it takes 130 to reach SAME_ENERGY, and another seed, temperature, time step
# or potential is seen in the first few.
SAME_FRAMES = 50
# Rows made again: difference of the means over seeds, in standard deviations over seeds (the root
# mean square of here and committed). With five seeds each, means differ by 0.63 of it when nothing
# but rounding is another, and by three of it (t = 4.7 with 8 degrees of freedom) once in 700 times.
# An audit judges a hundred numbers, which hang together by rows: about one audit in ten on another
# processor has one beyond it by chance. That row is then to be looked at, not the report.
SPREADS = 3.0
# Relative standard deviation of an RMSE from trajectory to trajectory, which comes on top of the
# seeds' where this processor gives another one. The best pair-only model's test RMSE varies by
# 0.04 over eight trajectories whose starts differ by 1e-10 Å, the forces themselves by 0.03; a half
# is added, as three times this has no few seeds to widen it. In a ninth an atom left the cluster:
# a processor that gives such a one has no data to compare, and part c says so.
TRAJECTORY = 0.06
# Rows in which nothing is random, on the same trajectory: least squares and the like, whose last
# digits depend on the order of sums.
DETERMINISTIC = 1e-5
