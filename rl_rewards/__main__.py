"""`python -m rl_rewards`: the command line."""

from rl_rewards.cli import main

main()
