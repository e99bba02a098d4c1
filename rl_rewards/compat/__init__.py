"""Other libraries' import names on rl_rewards' own scorers."""
