"""The manifest of a Ray cluster, and the values that make the same one, as Kubernetes would read them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
DEPLOYMENTS = ROOT / "deployments"


def documents() -> dict[str, dict[str, Any]]:
    text = (DEPLOYMENTS / "ray-cluster.yaml").read_text(encoding="utf-8")
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def groups() -> dict[str, dict[str, Any]]:
    """The head's group and the workers'."""
    spec = documents()["RayCluster"]["spec"]
    [workers] = spec["workerGroupSpecs"]
    return {"head": spec["headGroupSpec"], "worker": workers}


def test_the_manifest_is_a_cluster_and_a_volume_for_all_its_pods() -> None:
    found = documents()
    assert set(found) == {"RayCluster", "PersistentVolumeClaim"}
    assert found["RayCluster"]["apiVersion"] == "ray.io/v1"
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]
    claim = found["PersistentVolumeClaim"]["metadata"]["name"]
    for group in groups().values():
        assert {"name": "home", "persistentVolumeClaim": {"claimName": claim}} in group["template"]["spec"][
            "volumes"
        ]


@pytest.mark.parametrize("name", ["head", "worker"])
def test_pods_are_alike_private_and_ask_for_a_token(name: str) -> None:
    pod = groups()[name]["template"]["spec"]
    [container] = pod["containers"]
    environment = {entry["name"]: entry for entry in container["env"]}
    assert environment["RAY_AUTH_MODE"]["value"] == "token"
    assert environment["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "recengine-ray"
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {
        environment["RECENGINE_HOME"]["value"],
        "/dev/shm",
    }
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["resources"]["requests"] == container["resources"]["limits"]


def test_the_head_takes_no_tasks() -> None:
    assert groups()["head"]["rayStartParams"]["num-cpus"] == "0"


@pytest.mark.parametrize("name", ["head", "worker"])
def test_the_chart_s_values_make_the_same_pods(name: str) -> None:
    values = yaml.safe_load((DEPLOYMENTS / "ray-values.yaml").read_text(encoding="utf-8"))
    group = groups()[name]
    pod = group["template"]["spec"]
    [container] = pod["containers"]
    chosen = values[name]
    assert f"{values['image']['repository']}:{values['image']['tag']}" == container["image"]
    assert values["common"]["containerEnv"] == container["env"]
    assert chosen["podSecurityContext"] == pod["securityContext"]
    assert (chosen["volumes"], chosen["volumeMounts"]) == (pod["volumes"], container["volumeMounts"])
    assert (chosen["resources"], chosen["rayStartParams"]) == (
        container["resources"],
        group["rayStartParams"],
    )
    for count in {"replicas", "minReplicas", "maxReplicas"} & set(group):
        assert chosen[count] == group[count]


def test_the_version_is_one_that_the_extra_allows() -> None:
    version = documents()["RayCluster"]["spec"]["rayVersion"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["ray"] == ["ray[client]>=2.50,<3"]
    assert (2, 50) <= tuple(int(part) for part in version.split(".")[:2]) < (3, 0)
