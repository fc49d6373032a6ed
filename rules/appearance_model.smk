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
    priority: 1
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
        stop=stop_when_hopeless,
        made_from=made_from("appearance_model"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} appearance_model"
        " --recipe {params.recipe:q} --index {input.index:q} --split {wildcards.split}"
        " --pseudo-labels {input.pseudo_labels:q} --frames {params.frames:q} {params.stop}"
        " --threads {threads} {resources.options}"
        " --output {output.model:q}"


rule taught_model:
    input:
        record=current("taught_model"),
        index=reads("taught_model", "index"),
        teacher=reads("taught_model", "teacher"),
        judgement=reads("taught_model", "judgement"),
        frames=reads("taught_model", "frames"),
        flow=reads("taught_model", "flow"),
        weights=reads("taught_model", "weights"),
        duplicates=reads("taught_model", "duplicates"),
    output:
        model="results/models/{taught_model}/split{split}/model.pt",
        history="results/models/{taught_model}/split{split}/history.csv",
    log:
        "results/logs/taught_model/{taught_model}/split{split}.log",
    benchmark:
        "results/benchmarks/taught_model/{taught_model}/split{split}.tsv"
    priority: 1
    conda:
        "../envs/motionfit.yaml"
    threads: resources("taught_model").threads
    resources:
        mem_mb=growing("taught_model", "mem_mb"),
        runtime=resources("taught_model").runtime,
        gpu=resources("taught_model").gpu,
        options=resources("taught_model").options,
    params:
        recipe=option("taught_model", "recipe"),
        frames=folder_of("taught_model", "frames"),
        flow=folder_of("taught_model", "flow"),
        duplicates=left_out("taught_model"),
        made_from=made_from("taught_model"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} taught_model"
        " --recipe {params.recipe:q} --index {input.index:q} --split {wildcards.split}"
        " --teacher {input.teacher:q} --frames {params.frames:q} --flow {params.flow:q}"
        " --threads {threads} {resources.options} {params.duplicates}"
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
