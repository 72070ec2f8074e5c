"Measuring: metrics, the report, rival representations, and speed."
