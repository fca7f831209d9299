#!/bin/sh
# Deploy a release to a cluster: `sh tools/deploy.sh ENVIRONMENT URL APPLICATION_IMAGE SETUP_IMAGE FRONT_IMAGE`.
#
# ENVIRONMENT is an overlay of kubernetes/. Images have a digest (name@sha256:…). It runs the job `setup` (migrations) first, then
# replaces pods without an interruption, then asks URL for a prediction (tools/smoke.py). When that fails, the Deployments go back
# to the pods from before, and it ends with 1. Migrations only add, so the version before works with the migrated database.
#
# KUBECTL names another kubectl, KUBE_CONTEXT a context, KUBECONFIG_TEXT is the content of a kubeconfig. SETUP_SECONDS and ROLLOUT_SECONDS are time limits, SMOKE_SECONDS is the
# time until a failure of the smoke test counts.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ $# -eq 5 ] || { echo "usage: sh tools/deploy.sh ENVIRONMENT URL APPLICATION_IMAGE SETUP_IMAGE FRONT_IMAGE" >&2; exit 2; }
environment=$1 url=$2 application=$3 setup=$4 front=$5
cd "$(dirname "$0")/.."
namespace=ecopredict-$environment
deployments="front web worker"
case $environment in
    '' | *[!a-z0-9-]*) echo "deploy: there is no overlay $environment" >&2; exit 2 ;;
esac
[ -f "kubernetes/overlays/$environment/kustomization.yaml" ] || { echo "deploy: there is no overlay $environment" >&2; exit 2; }
# before anything is changed: a release whose prediction cannot be asked for would be taken back
case $url in
    *[!][A-Za-z0-9./:_~%-]*) valid=no ;;
    http://[[A-Za-z0-9]* | https://[[A-Za-z0-9]*) valid=yes ;;
    *) valid=no ;;
esac
[ "$valid" = yes ] || { echo "deploy: $url is no address of a site (https://eco.example.org)" >&2; exit 2; }
for seconds in "${SETUP_SECONDS:-1800}" "${ROLLOUT_SECONDS:-600}" "${SMOKE_SECONDS:-60}"; do
    case $seconds in
        *[!0-9]*) echo "deploy: $seconds is no number of seconds" >&2; exit 2 ;;
    esac
done
for image in "$application" "$setup" "$front"; do
    # grep compares line by line, so a line break is refused before
    case $image in
        *[!a-z0-9./:_@-]*) valid=no ;;
        *) printf %s "$image" | grep -Eq '^[a-z0-9][^@]*@sha256:[0-9a-f]{64}$' && valid=yes || valid=no ;;
    esac
    [ "$valid" = yes ] || { echo "deploy: $image has no digest (name@sha256:…)" >&2; exit 2; }
done

kube() { "${KUBECTL:-kubectl}" ${KUBE_CONTEXT:+--context "$KUBE_CONTEXT"} --namespace "$namespace" "$@"; }

# kustomize reads what lies below the project only
release=$(mktemp -d kubernetes/.release-XXXXXX)
trap 'rm -rf "$release"' EXIT
# dash does not call EXIT when a signal ends it
trap 'exit 1' HUP INT TERM
if [ -n "${KUBECONFIG_TEXT:-}" ]; then
    KUBECONFIG=$PWD/$release/kubeconfig
    (umask 077; printf '%s\n' "$KUBECONFIG_TEXT" >"$KUBECONFIG")
    export KUBECONFIG
    unset KUBECONFIG_TEXT
fi
cat >"$release/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../overlays/$environment]
images:
  - { name: ecopredict, newName: "${application%@*}", digest: "${application#*@}" }
  - { name: ecopredict-setup, newName: "${setup%@*}", digest: "${setup#*@}" }
  - { name: ecopredict-front, newName: "${front%@*}", digest: "${front#*@}" }
YAML
"${KUBECTL:-kubectl}" kustomize "$release" >"$release/all.yaml"

revision() {
    kube get deployment "$1" --ignore-not-found \
        --output 'jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}'
}
for name in $deployments; do
    revision "$name" >"$release/$name"
done

# A job cannot be changed. Its pods end with it.
kube delete job setup --ignore-not-found --wait=true >/dev/null
# everything but Deployments and their Services
kube apply --filename "$release/all.yaml" --selector 'app.kubernetes.io/component notin (front,web,worker)'
waited=0
while :; do
    state=$(kube get job setup --output 'jsonpath={.status.conditions[?(@.status=="True")].type}')
    case $state in
        *Failed*)
            kube logs job/setup --all-containers --tail 50 >&2 || :
            echo "deploy: the job setup failed; no pod was replaced" >&2
            exit 1 ;;
        *Complete*) break ;;
    esac
    [ "$waited" -lt "${SETUP_SECONDS:-1800}" ] || { echo "deploy: the job setup did not end in time; no pod was replaced" >&2; exit 1; }
    sleep 2
    waited=$((waited + 2))
done

# in the background, because the shell notices a signal only when its command has ended, and these take minutes
patiently() {
    "$@" &
    running=$! status=0
    wait "$running" || status=$?
    running=
    return "$status"
}
running=
succeeded() {
    kube apply --filename "$release/all.yaml" || return 1
    for name in $deployments; do
        # not by the function, so that the number is that of kubectl
        patiently "${KUBECTL:-kubectl}" ${KUBE_CONTEXT:+--context "$KUBE_CONTEXT"} --namespace "$namespace" \
            rollout status "deployment/$name" --timeout "${ROLLOUT_SECONDS:-600}s" || return 1
    done
    patiently "${PYTHON:-python3}" tools/smoke.py "$url" --wait "${SMOKE_SECONDS:-60}"
}
# go_back REASON: to the pods from before, and end with 1
go_back() {
    # whoever stops the script may send several signals, and gives it a few seconds
    trap '' HUP INT TERM
    echo "deploy: $1, going back" >&2
    [ -z "$running" ] || kill "$running" 2>/dev/null || :
    back=0
    for name in $deployments; do
        before=$(cat "$release/$name")
        if [ -z "$before" ]; then
            echo "deploy: $name is new, there is nothing to go back to" >&2
            back=1
        else
            # Also where the revision is that from before: it is counted a moment after the change. Without a change nothing is undone.
            kube rollout undo "deployment/$name" --to-revision "$before" || back=1
        fi
    done
    for name in $deployments; do
        kube rollout status "deployment/$name" --timeout "${ROLLOUT_SECONDS:-600}s" || back=1
    done
    if [ "$back" -eq 0 ] && "${PYTHON:-python3}" tools/smoke.py "$url" --wait "${SMOKE_SECONDS:-60}"; then
        echo "deploy: the version from before answers again" >&2
    else
        echo "deploy: THE VERSION FROM BEFORE DOES NOT ANSWER EITHER" >&2
    fi
    exit 1
}
trap 'go_back "it was stopped"' HUP INT TERM
if succeeded; then
    echo "deploy: $environment runs ${application#*@}"
    exit 0
fi
go_back "the release failed"
