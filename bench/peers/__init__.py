"""Other stream processors over the same topics, each as its own guide would write it.

What they do is less than this processor does, and :data:`bench.peers.contenders.DOES` says so
beside every figure. Each runs in an environment of its own (their pins contradict ours).
"""
