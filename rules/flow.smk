"""From frames to optical flow."""


rule flow:
    input:
        record=current("flow"),
        frames=frames_of_flow,
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
        recipe=recipe_json("flow", "flow"),
        made_from=made_from("flow"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " store-flow"
        " --recipe {params.recipe:q} --frames {input.frames:q} --threads {threads}"
        " --gpus {resources.gpu} --output {output.flow:q}"
