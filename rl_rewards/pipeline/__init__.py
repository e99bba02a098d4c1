"""How a batch is evaluated, stage by stage: what the rubric puts in order."""
