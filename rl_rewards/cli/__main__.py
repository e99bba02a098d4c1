"""`python -m rl_rewards.cli`."""

from rl_rewards.cli import main

main()
