"""Self-training: from pseudo-labels and the source's frames to an appearance model."""


rule appearance_model:
    input:
        record=current("appearance_model"),
        index=index_of_appearance_model,
        labels=labels_of_appearance_model,
        frames=frames_of_appearance_model,
        weights=weights_of("appearance_models", "appearance_model"),
    output:
        model="results/models/{appearance_model}/split{split}/model.pt",
        history="results/models/{appearance_model}/split{split}/history.csv",
    log:
        "results/logs/appearance_model/{appearance_model}/split{split}.log",
    benchmark:
        "results/benchmarks/appearance_model/{appearance_model}/split{split}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("appearance_model").threads
    resources:
        mem_mb=growing("appearance_model", "mem_mb"),
        runtime=resources("appearance_model").runtime,
        gpu=resources("appearance_model").gpu,
        options=resources("appearance_model").options,
    params:
        recipe=recipe_json("appearance_models", "appearance_model"),
        frames=frames_folder_of_appearance_model,
        made_from=made_from("appearance_model"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " train-appearance-model"
        " --recipe {params.recipe:q} --index {input.index:q} --split {wildcards.split}"
        " --pseudo-labels {input.labels:q} --frames {params.frames:q} --threads {threads}"
        " {resources.options} --gpus {resources.gpu} --output {output.model:q}"


rule mers_model:
    input:
        record=current("mers_model"),
        index=index_of_mers,
        teacher=teacher_of_mers,
        frames=frames_of_mers,
        flow=flow_of_mers,
        weights=weights_of("appearance_models", "mers_model"),
    output:
        model="results/models/{mers_model}/split{split}/model.pt",
        history="results/models/{mers_model}/split{split}/history.csv",
    log:
        "results/logs/mers_model/{mers_model}/split{split}.log",
    benchmark:
        "results/benchmarks/mers_model/{mers_model}/split{split}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("appearance_model").threads
    resources:
        mem_mb=growing("appearance_model", "mem_mb"),
        runtime=resources("appearance_model").runtime,
        gpu=resources("appearance_model").gpu,
        options=resources("appearance_model").options,
    params:
        recipe=recipe_json("appearance_models", "mers_model"),
        frames=frames_folder_of_mers,
        flow=flow_folder_of_mers,
        made_from=made_from("mers_model"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " train-mers-model"
        " --recipe {params.recipe:q} --index {input.index:q} --split {wildcards.split}"
        " --teacher {input.teacher:q} --frames {params.frames:q} --flow {params.flow:q}"
        " --threads {threads} {resources.options} --gpus {resources.gpu}"
        " --output {output.model:q}"


# What the others are compared with.
rule random_model:
    input:
        record=current("random_model"),
        weights=weights_of("appearance_models", "random_model"),
    output:
        model="results/models/{random_model}/split{split}/model.pt",
    log:
        "results/logs/random_model/{random_model}/split{split}.log",
    benchmark:
        "results/benchmarks/random_model/{random_model}/split{split}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("index").threads
    resources:
        mem_mb=growing("index", "mem_mb"),
        runtime=growing("index", "runtime"),
    params:
        recipe=recipe_of_random_model,
        made_from=made_from("random_model"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " random-model"
        " --recipe {params.recipe:q} --output {output.model:q}"
