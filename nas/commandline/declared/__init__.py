"""What is declared of every setting, and what is told from that: help, completion, the first refusals."""
