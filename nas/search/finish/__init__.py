"""Full trainings of chosen networks: of a run's members, or of any architecture."""
