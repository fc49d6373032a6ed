"""Clusters motion features to pseudo-labels."""


rule pseudo_labels:
    input:
        record=current("pseudo_labels"),
        index=reads("pseudo_labels", "index"),
        features=reads("pseudo_labels", "features"),
        duplicates=reads("pseudo_labels", "duplicates"),
    output:
        labels="results/pseudo_labels/{pseudo_labels}/split{split}/labels.csv",
        centroids="results/pseudo_labels/{pseudo_labels}/split{split}/centroids.npy",
        quality="results/pseudo_labels/{pseudo_labels}/split{split}/quality.json",
        map="results/pseudo_labels/{pseudo_labels}/split{split}/map.csv",
    log:
        "results/logs/pseudo_labels/{pseudo_labels}/split{split}.log",
    benchmark:
        "results/benchmarks/pseudo_labels/{pseudo_labels}/split{split}.tsv"
    priority: 1
    conda:
        "../envs/motionfit.yaml"
    threads: resources("pseudo_labels").threads
    resources:
        mem_mb=growing("pseudo_labels", "mem_mb"),
        runtime=growing("pseudo_labels", "runtime"),
        gpu=resources("pseudo_labels").gpu,
    params:
        recipe=option("pseudo_labels", "recipe"),
        labelled_part=option("pseudo_labels", "labelled_part"),
        features=folder_of("pseudo_labels", "features"),
        shard_count=option("pseudo_labels", "shard_count"),
        duplicates=left_out("pseudo_labels"),
        made_from=made_from("pseudo_labels"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} pseudo_labels"
        " --recipe {params.recipe:q} --index {input.index:q} --split {wildcards.split}"
        " --labelled-part {params.labelled_part:q} --features {params.features:q}"
        " --shard-count {params.shard_count} --threads {threads} {params.duplicates}"
        " --output {output.labels:q}"
