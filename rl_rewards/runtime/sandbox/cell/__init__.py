"""What runs inside the sandbox: the zygote, its cells, and the child that each call gets.

Standard library only, and no import from the rest of rl_rewards: a zygote starts in 50 ms and holds nothing worth stealing.
"""
