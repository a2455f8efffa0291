"""Ids of rows that are used in several sections."""

# Table 1
SMALL, MIDDLE, LARGE = (f"table1/behler-{shape}" for shape in ("5-5", "10-10-10", "50-25-10-10"))
# Table 4, and the same models with longer training
EQ2, EQ3, EQ4, EQ5 = (f"table4/eq{k}" for k in (2, 3, 4, 5))
EQ2_LONGER, EQ3_LONGER, EQ4_LONGER, EQ5_LONGER = (f"beyond/eq{k}-longer" for k in (2, 3, 4, 5))
PAIR_FLOOR = "beyond/pair-floor"
# Table 5
EQ8, EQ9 = "table5/eq8-1200", "table5/eq9-9000"
# Section 6
GRAPH, GRAPH_LONGER = "section6/gnn", "beyond/gnn-longer"
DISTANCE_GRAPH = "beyond/distance-graph"
# The trivial baseline of Au6's rows over trajectories
TRIVIAL_AGAIN = "beyond/trivial-table4-trajectories"
# Any system: of the rows on Au12 that with the smallest errors, and one of the alloy's
ROUNDS3, ALLOY = "beyond/au12-rounds-3", "beyond/pt8au2-outputs"
# Beyond the report
GRADIENT = "beyond/eq2-gradient"
CORRELATION = "beyond/correlation-au6"
