"""Renders the chart with Helm's own library and judges what comes out. No cluster is asked.

charts.py CHART SCHEMA: exits with 1 and says what is wrong.
"""

import json
import sys
import tomllib

import helm_python
import jsonschema
import kubernetes_validate
import yaml

# The oldest version that the chart admits, and a recent one.
VERSIONS = ["1.27", "1.33"]
# Resources of operators, which Kubernetes has no schema of.
FOREIGN = {"ServiceMonitor"}
SITUATIONS = {
    "as it comes": {},
    "with everything": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "extraSecret": "vybe-extra",
        "extraServer": "workers = 2\n",
        "image": {"digest": "sha256:" + "0" * 64, "pullSecrets": [{"name": "registry"}]},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    },
    "with little": {"networkPolicy": {"enabled": False}, "extraConfiguration": "", "replicas": 3},
}
REFUSED = {"replica": 3}, {"replicas": "2"}, {"secrets": {"existingSecret": ""}}


def restricted(pod):
    """What the Pod Security Standard «restricted» asks for, and a read-only root besides."""
    security = pod["securityContext"]
    assert security["runAsNonRoot"] and security["runAsUser"] > 0, "runs as root"
    assert security["seccompProfile"]["type"] == "RuntimeDefault", "no seccomp profile"
    assert pod["automountServiceAccountToken"] is False, "has a token for the cluster"
    assert not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")), "shares the host's"
    allowed = {"configMap", "secret", "emptyDir"}
    assert all(set(volume) - {"name"} <= allowed for volume in pod["volumes"]), "mounts something else"
    for container in pod["containers"]:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"], container["name"]
        assert own["capabilities"] == {"drop": ["ALL"]}, container["name"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] == "admin", probe
    mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}, "volumes and mounts differ"


def fits(resources):
    """What has to agree from one resource to another."""
    deployment = resources["Deployment"][0]
    pod = deployment["spec"]["template"]
    restricted(pod["spec"])
    text = resources["ConfigMap"][0]["data"]["vybe.toml"]
    configuration = tomllib.loads(text)
    seconds = sum(int(configuration["server"][key].removesuffix("s")) for key in ("notice", "drain"))
    assert pod["spec"]["terminationGracePeriodSeconds"] >= seconds + 30, "ended before the drain is over"
    labels = pod["metadata"]["labels"].items()
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    for service in resources["Service"]:
        assert service["spec"]["selector"].items() <= labels, service["metadata"]["name"]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for resource in resources.get(kind, []):
            selector = resource["spec"].get("selector") or resource["spec"]["podSelector"]
            assert selector["matchLabels"].items() <= labels, kind
    return configuration


def main(path, schema):
    with open(schema, encoding="utf-8") as file:
        schema = json.load(file)
    report = helm_python.lint(path, strict=True)
    assert not report["errors"], report
    chart = helm_python.Chart.load(path)
    count = 0
    for situation, values in SITUATIONS.items():
        chart.validate_schema(values)
        rendered = chart.render(values, name="vybe", namespace="platform")
        resources = {}
        for text in rendered.values():
            for resource in filter(None, yaml.safe_load_all(text)):
                count += 1
                resources.setdefault(resource["kind"], []).append(resource)
                for version in VERSIONS:
                    if resource["kind"] not in FOREIGN:
                        kubernetes_validate.validate(resource, version, strict=True)
        try:
            jsonschema.validate(fits(resources), schema)
        except (AssertionError, jsonschema.ValidationError) as error:
            sys.exit(f"{path}, {situation}: {error}")
    for values in REFUSED:
        try:
            chart.validate_schema(values)
        except helm_python.HelmValuesError:
            continue
        sys.exit(f"{path}: {values} is not refused")
    print(f"chart: {count} resources in {len(SITUATIONS)} situations, Kubernetes {' and '.join(VERSIONS)}")


main(*sys.argv[1:])
