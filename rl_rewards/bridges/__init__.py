"""Rubrics in trainers other than TRL: one small file for each, which imports nothing of its trainer before the trainer calls.

    verl.compute_score, verl.RubricRewardManager     verl: reward.custom_reward_function, reward.reward_manager
    openrlhf.reward_function(RUBRIC)                 OpenRLHF: --reward.remote_url file.py
    verifiers.reward_functions(RUBRIC)               verifiers, prime-rl: rewards.NAME.fn
    nemo_gym.resources_server(RUBRIC)                NeMo-Gym: a resource server with /verify
    ms_swift.register(RUBRIC)                        ms-swift: --external_plugins file.py
    skyrl_gym.register(RUBRIC)                       SkyRL: an environment
    tinker.RubricEnv, tinker.RubricGroupBuilder      Tinker cookbook: environments
    plain.total(RUBRIC)                              open-instruct, slime, and whatever calls a function with one row

`rl-rewards bridge TRAINER --rubric FILE` writes what a trainer needs; README.md, beside this file, has a page on each.
"""
