"""Other stream processors over the same topics, each as its own guide would write it.

They do less than this processor; :data:`bench.peers.contenders.CONTENDERS` says beside every figure
what. Each runs in an environment of its own (their pins contradict ours).
"""
