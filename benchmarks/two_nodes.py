"""A command of ours on a Ray cluster of two nodes on this machine: ``python -m benchmarks.two_nodes run ...``.

The head has no CPUs, each node has half of the machine's. Everything listens on the loopback alone.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

from benchmarks.scale.process import CLI, ROOT

LOOPBACK = "127.0.0.1"


def main() -> int:
    """Start the cluster, run the command on it, and end with its exit code."""
    os.environ |= {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(ROOT),
    }
    utils = importlib.import_module("ray.cluster_utils")
    here = {"include_dashboard": False, "node_ip_address": LOOPBACK}
    cluster = utils.Cluster(initialize_head=True, head_node_args=here | {"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=max(1, (os.cpu_count() or 2) // 2), **here)
    try:
        on_it = {"RAY_ADDRESS": cluster.address, "RECENGINE_CLUSTER__ENGINE": "ray"}
        settings = os.environ | on_it | {"RECENGINE_CLUSTER__RAY_ADDRESS": "auto"}
        return subprocess.run(
            [sys.executable, "-c", CLI, *sys.argv[1:]], env=settings, check=False
        ).returncode
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    raise SystemExit(main())
