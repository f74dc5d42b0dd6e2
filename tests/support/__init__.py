"""What several tests share: the plan as records, the topics as tables, processes of ours."""
