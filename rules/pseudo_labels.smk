"""From motion features to pseudo-labels."""


rule pseudo_labels:
    input:
        record=current("pseudo_labels"),
        index=index_of_pseudo_labels,
        features=features_of_pseudo_labels,
    output:
        labels="results/pseudo_labels/{pseudo_labels}/split{split}/labels.csv",
        centroids="results/pseudo_labels/{pseudo_labels}/split{split}/centroids.npy",
        quality="results/pseudo_labels/{pseudo_labels}/split{split}/quality.json",
    log:
        "results/logs/pseudo_labels/{pseudo_labels}/split{split}.log",
    benchmark:
        "results/benchmarks/pseudo_labels/{pseudo_labels}/split{split}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("pseudo_labels").threads
    resources:
        mem_mb=growing("pseudo_labels", "mem_mb"),
        runtime=growing("pseudo_labels", "runtime"),
        gpu=resources("pseudo_labels").gpu,
    params:
        recipe=pseudo_labels_recipe,
        features=features_folder_of_pseudo_labels,
        shards=source_shards,
        labelled=labelled_of_pseudo_labels,
        folder="results/pseudo_labels/{pseudo_labels}/split{split}",
        made_from=made_from("pseudo_labels"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " pseudo-labels"
        " --recipe {params.recipe:q} --index {input.index:q} --split {wildcards.split}"
        " --labelled-part {params.labelled:q}"
        " --features {params.features:q} --shards {params.shards} --threads {threads} --gpus {resources.gpu}"
        " --output {params.folder:q}"
