"""Trains motion models on flow or frames of the labelled data set, and extracts their features of a
source."""


# Before the trainings that do not need it: if it learns nothing, the run may end, and nobody waits
# for the others.
rule motion_model:
    input:
        record=current("motion_model"),
        index=reads("motion_model", "index"),
        clips=reads("motion_model", "clips"),
        weights=reads("motion_model", "weights"),
        duplicates=reads("motion_model", "duplicates"),
    output:
        model="results/models/{motion_model}/split{split}/model.pt",
        history="results/models/{motion_model}/split{split}/history.csv",
    log:
        "results/logs/motion_model/{motion_model}/split{split}.log",
    benchmark:
        "results/benchmarks/motion_model/{motion_model}/split{split}.tsv"
    priority: 2
    conda:
        "../envs/motionfit.yaml"
    threads: resources("motion_model").threads
    resources:
        mem_mb=growing("motion_model", "mem_mb"),
        runtime=resources("motion_model").runtime,
        gpu=resources("motion_model").gpu,
        options=resources("motion_model").options,
    params:
        recipe=option("motion_model", "recipe"),
        labelled_part=option("motion_model", "labelled_part"),
        clips_folder=folder_of("motion_model", "clips"),
        duplicates=left_out("motion_model"),
        made_from=made_from("motion_model"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} motion_model"
        " --recipe {params.recipe:q} --labelled-part {params.labelled_part:q}"
        " --index {input.index:q} --split {wildcards.split}"
        " --clips-folder {params.clips_folder:q} --threads {threads} {resources.options}"
        " {params.duplicates}"
        " --output {output.model:q}"


# What learns from a motion model waits for this: its features, and models that it teaches.
rule motion_judgement:
    input:
        record=current("motion_judgement"),
        index=reads("motion_judgement", "index"),
        clips=reads("motion_judgement", "clips"),
        model=reads("motion_judgement", "model"),
    output:
        judgement="results/models/{motion_model}/split{split}/judgement.json",
    log:
        "results/logs/motion_judgement/{motion_model}/split{split}.log",
    benchmark:
        "results/benchmarks/motion_judgement/{motion_model}/split{split}.tsv"
    priority: 2
    conda:
        "../envs/motionfit.yaml"
    threads: resources("motion_judgement").threads
    resources:
        mem_mb=growing("motion_judgement", "mem_mb"),
        runtime=growing("motion_judgement", "runtime"),
        gpu=resources("motion_judgement").gpu,
    params:
        name=option("motion_judgement", "name"),
        clips_folder=folder_of("motion_judgement", "clips"),
        stop=option_if_given("motion_judgement", "stop_when_hopeless"),
        made_from=made_from("motion_judgement"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} motion_judgement"
        " --name {params.name} --model {input.model:q} --index {input.index:q}"
        " --split {wildcards.split} --clips-folder {params.clips_folder:q} {params.stop}"
        " --threads {threads}"
        " --output {output.judgement:q}"


# For a large data set, a job has several shards, since a job starts more slowly than a network
# processes one shard.
rule features:
    input:
        record=current("features"),
        model=reads("features", "model"),
        judgement=reads("features", "judgement"),
        clips=reads("features", "clips"),
    output:
        features="results/features/{motion_model}/split{split}/{dataset}/{shards}.h5",
    log:
        "results/logs/features/{motion_model}/split{split}/{dataset}/{shards}.log",
    benchmark:
        "results/benchmarks/features/{motion_model}/split{split}/{dataset}/{shards}.tsv"
    priority: 1
    conda:
        "../envs/motionfit.yaml"
    threads: resources("features").threads
    resources:
        mem_mb=growing("features", "mem_mb"),
        runtime=growing("features", "runtime"),
        gpu=resources("features").gpu,
    params:
        recipe=option("features", "recipe"),
        clips_folder=folder_of("features", "clips"),
        shards=shards_of_features,
        made_from=made_from("features"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} features"
        " --recipe {params.recipe:q} --model {input.model:q}"
        " --clips-folder {params.clips_folder:q} --shards {params.shards} --threads {threads}"
        " --output {output.features:q}"
