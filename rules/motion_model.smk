"""From the labelled set's flow, or frames, to a motion model, and to the features that it sees in
a source."""


rule motion_model:
    input:
        record=current("motion_model"),
        index=index_of_motion_model,
        clips=clips_of_motion_model,
        weights=weights_of("motion_models", "motion_model"),
    output:
        model="results/models/{motion_model}/split{split}/model.pt",
        history="results/models/{motion_model}/split{split}/history.csv",
    log:
        "results/logs/motion_model/{motion_model}/split{split}.log",
    benchmark:
        "results/benchmarks/motion_model/{motion_model}/split{split}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("motion_model").threads
    resources:
        mem_mb=growing("motion_model", "mem_mb"),
        runtime=resources("motion_model").runtime,
        gpu=resources("motion_model").gpu,
        options=resources("motion_model").options,
    params:
        recipe=motion_model_recipe,
        labels=labels_of_motion_model,
        clips=clips_folder_of_motion_model,
        made_from=made_from("motion_model"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " train-motion-model"
        " --recipe {params.recipe:q} --labelled-part {params.labels:q}"
        " --index {input.index:q} --split {wildcards.split}"
        " --clips {params.clips:q} --threads {threads} {resources.options}"
        " --gpus {resources.gpu} --output {output.model:q}"


# Of a large data set a job has several shards: a network takes seconds for one, and longer to begin.
rule features:
    input:
        record=current("features"),
        model=model_of_features,
        clips=clips_of_features,
    output:
        features="results/features/{motion_model}/split{split}/{dataset}/{shards}.h5",
    log:
        "results/logs/features/{motion_model}/split{split}/{dataset}/{shards}.log",
    benchmark:
        "results/benchmarks/features/{motion_model}/split{split}/{dataset}/{shards}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("features").threads
    resources:
        mem_mb=growing("features", "mem_mb"),
        runtime=growing("features", "runtime"),
        gpu=resources("features").gpu,
    params:
        recipe=recipe_json("motion_models", "motion_model", "features"),
        clips=clips_folder_of_features,
        shards=shards_of_features,
        made_from=made_from("features"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " features"
        " --recipe {params.recipe:q} --model {input.model:q} --clips {params.clips:q}"
        " --shards {params.shards}"
        " --threads {threads} --gpus {resources.gpu} --output {output.features:q}"
