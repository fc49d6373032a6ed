"""Makes appearance models, by training on the source's frames and pseudo-labels or features."""


rule appearance_model:
    input:
        record=current("appearance_model"),
        index=reads("appearance_model", "index"),
        pseudo_labels=reads("appearance_model", "pseudo_labels"),
        frames=reads("appearance_model", "frames"),
        weights=reads("appearance_model", "weights"),
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
        recipe=option("appearance_model", "recipe"),
        frames=folder_of("appearance_model", "frames"),
        made_from=made_from("appearance_model"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} appearance_model"
        " --recipe {params.recipe:q} --index {input.index:q} --split {wildcards.split}"
        " --pseudo-labels {input.pseudo_labels:q} --frames {params.frames:q}"
        " --threads {threads} {resources.options}"
        " --output {output.model:q}"


rule mers_model:
    input:
        record=current("mers_model"),
        index=reads("mers_model", "index"),
        teacher=reads("mers_model", "teacher"),
        frames=reads("mers_model", "frames"),
        flow=reads("mers_model", "flow"),
        weights=reads("mers_model", "weights"),
    output:
        model="results/models/{mers_model}/split{split}/model.pt",
        history="results/models/{mers_model}/split{split}/history.csv",
    log:
        "results/logs/mers_model/{mers_model}/split{split}.log",
    benchmark:
        "results/benchmarks/mers_model/{mers_model}/split{split}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("mers_model").threads
    resources:
        mem_mb=growing("mers_model", "mem_mb"),
        runtime=resources("mers_model").runtime,
        gpu=resources("mers_model").gpu,
        options=resources("mers_model").options,
    params:
        recipe=option("mers_model", "recipe"),
        frames=folder_of("mers_model", "frames"),
        flow=folder_of("mers_model", "flow"),
        made_from=made_from("mers_model"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} mers_model"
        " --recipe {params.recipe:q} --index {input.index:q} --split {wildcards.split}"
        " --teacher {input.teacher:q} --frames {params.frames:q} --flow {params.flow:q}"
        " --threads {threads} {resources.options}"
        " --output {output.model:q}"


# The baseline that the other appearance models are compared with.
rule random_model:
    input:
        record=current("random_model"),
        weights=reads("random_model", "weights"),
    output:
        model="results/models/{random_model}/split{split}/model.pt",
    log:
        "results/logs/random_model/{random_model}/split{split}.log",
    benchmark:
        "results/benchmarks/random_model/{random_model}/split{split}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("random_model").threads
    resources:
        mem_mb=growing("random_model", "mem_mb"),
        runtime=growing("random_model", "runtime"),
    params:
        recipe=option("random_model", "recipe"),
        made_from=made_from("random_model"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " random_model"
        " --recipe {params.recipe:q}"
        " --output {output.model:q}"
