#!/usr/bin/env bash
# Trains a model of the zoo on four machines: sbatch slurm.sh
#
# When a machine is lost, the job ends, is put in the queue again, and resumes from the last checkpoint. The folder of
# the result has to be on a file system that all machines share.
#SBATCH --job-name=zoo-train
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

port=$((20000 + SLURM_JOB_ID % 20000))  # jobs that share a machine have their own
workers=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed "s/.*/\"&:$port\"/" | paste -sd, -)
export workers

srun --kill-on-bad-exit=1 bash -c '
    export TF_CONFIG="{\"cluster\": {\"worker\": [$workers]}, \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
    exec zoo train conv_ae --strategy multiworker --resume --threads "$SLURM_CPUS_PER_TASK" -o "$HOME/runs/conv"
'
