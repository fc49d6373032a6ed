"""Makes indexes and stored frames from videos."""


rule render_demo:
    input:
        record=current("render_demo"),
    output:
        labels="results/demo/{demo}/labels.csv",
    log:
        "results/logs/render_demo/{demo}.log",
    benchmark:
        "results/benchmarks/render_demo/{demo}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("render_demo").threads
    resources:
        mem_mb=growing("render_demo", "mem_mb"),
        runtime=growing("render_demo", "runtime"),
    params:
        recipe=option("render_demo", "recipe"),
        made_from=made_from("render_demo"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " render_demo"
        " --recipe {params.recipe:q}"
        " --output {output.labels:q}"


# This is the only checkpoint: the shards of a data set, and the videos in each, are known once its
# index is made. A shard depends only on its own videos, so adding a video reruns one shard.
checkpoint index:
    input:
        record=current_index,
        annotations=reads("index", "annotations"),
    output:
        index="results/index/{dataset}.csv",
    log:
        "results/logs/index/{dataset}.log",
    benchmark:
        "results/benchmarks/index/{dataset}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("index").threads
    resources:
        mem_mb=growing("index", "mem_mb"),
        runtime=growing("index", "runtime"),
    params:
        recipe=option("index", "recipe"),
        videos=demo_videos,
        made_from=made_from("index"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " index"
        " --recipe {params.recipe:q} {params.videos}"
        " --output {output.index:q}"


rule frames:
    input:
        record=current("frames"),
        index=reads("frames", "index"),
    output:
        frames="results/frames/{dataset}/{size}/{shard}.h5",
        failed="results/frames/{dataset}/{size}/{shard}.failed.csv",
    log:
        "results/logs/frames/{dataset}/{size}/{shard}.log",
    benchmark:
        "results/benchmarks/frames/{dataset}/{size}/{shard}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("frames").threads
    resources:
        mem_mb=growing("frames", "mem_mb"),
        runtime=growing("frames", "runtime"),
    params:
        fps=option_if_given("frames", "fps"),
        quality=option("frames", "quality"),
        made_from=made_from("frames"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " frames"
        " --index {input.index:q} --shard {wildcards.shard} --size {wildcards.size}"
        " {params.fps} --quality {params.quality}"
        " --output {output.frames:q}"


rule ledger:
    input:
        record=current("ledger"),
        index=reads("ledger", "index"),
        failed=reads("ledger", "failed"),
    output:
        failed="results/frames/{dataset}/{size}/failed.csv",
    log:
        "results/logs/ledger/{dataset}/{size}.log",
    benchmark:
        "results/benchmarks/ledger/{dataset}/{size}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("ledger").threads
    resources:
        mem_mb=growing("ledger", "mem_mb"),
        runtime=growing("ledger", "runtime"),
    params:
        frames=folder_of("ledger", "failed"),
        max_failed=option("ledger", "max_failed"),
        made_from=made_from("ledger"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " ledger"
        " --dataset {wildcards.dataset} --index {input.index:q} --frames {params.frames:q}"
        " --max-failed {params.max_failed}"
        " --output {output.failed:q}"
