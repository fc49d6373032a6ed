"""Computes optical flow from frames."""


rule flow:
    input:
        record=current("flow"),
        frames=reads("flow", "frames"),
    output:
        flow="results/flow/{dataset}/{flow}/{shard}.h5",
    log:
        "results/logs/flow/{dataset}/{flow}/{shard}.log",
    benchmark:
        "results/benchmarks/flow/{dataset}/{flow}/{shard}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("flow").threads
    resources:
        mem_mb=growing("flow", "mem_mb"),
        runtime=growing("flow", "runtime"),
        gpu=flow_gpus,
    params:
        recipe=option("flow", "recipe"),
        frames=folder_of("flow", "frames"),
        made_from=made_from("flow"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} flow"
        " --recipe {params.recipe:q} --frames {params.frames:q} --shard {wildcards.shard}"
        " --threads {threads}"
        " --output {output.flow:q}"
