"""Code: programs of the policy's scored by tests (`python_tests`), responses scored by a snippet of the user's (`python_reward`)."""
