#!/bin/bash
# A suite in four shards, each a task of an array with one whole GPU:
#
#   sbatch docs/fleet/slurm.sh suites/sd15.yaml
#
# docs/fleet/README.md says how they are joined, and how one of them is measured again.

#SBATCH --job-name=sdbench
#SBATCH --array=1-4
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --gres=gpu:1
#SBATCH --time=04:00:00
#SBATCH --output=sdbench-%A_%a.log
# A crash is a result, and a node's failure is told by the merge: nothing starts again by itself.
#SBATCH --no-requeue

set -euo pipefail

# How many shards there are, also where only some of them are measured: --array=3 is the third of
# four still. Change it together with --array.
shards=4

suite=${1:?the suite to measure}
results=${SDBENCH_RESULTS:-results-$SLURM_ARRAY_JOB_ID}

# With exec the signal at the end of the time reaches sdbench, which keeps what it has.
exec sdbench run "$suite" --device cuda --shard "$SLURM_ARRAY_TASK_ID/$shards" --results "$results"
