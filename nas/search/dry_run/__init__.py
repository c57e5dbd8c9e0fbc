"""What a search would take: `measure` tries each of its steps once on one network, `estimate` adds up."""
