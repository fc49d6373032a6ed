"""Fine-tunes models on the target and evaluates them by recognition and retrieval."""


rule fine_tuning:
    input:
        record=current("fine_tuning"),
        index=reads("fine_tuning", "index"),
        model=reads("fine_tuning", "model"),
        clips=reads("fine_tuning", "clips"),
        teacher=reads("fine_tuning", "teacher"),
        flow=reads("fine_tuning", "flow"),
        duplicates=reads("fine_tuning", "duplicates"),
    output:
        model="results/evaluations/{evaluation}/split{split}/model.pt",
        history="results/evaluations/{evaluation}/split{split}/history.csv",
    log:
        "results/logs/fine_tuning/{evaluation}/split{split}.log",
    benchmark:
        "results/benchmarks/fine_tuning/{evaluation}/split{split}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("fine_tuning").threads
    resources:
        mem_mb=growing("fine_tuning", "mem_mb"),
        runtime=resources("fine_tuning").runtime,
        gpu=resources("fine_tuning").gpu,
        options=resources("fine_tuning").options,
    params:
        recipe=option("fine_tuning", "recipe"),
        clip_length=option("fine_tuning", "clip_length"),
        labelled_part=option("fine_tuning", "labelled_part"),
        clips_folder=folder_of("fine_tuning", "clips"),
        teacher=teacher_of_fine_tuning,
        duplicates=left_out("fine_tuning"),
        made_from=made_from("fine_tuning"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} fine_tuning"
        " --recipe {params.recipe:q} --clip-length {params.clip_length}"
        " --labelled-part {params.labelled_part:q} --model {input.model:q} --index {input.index:q}"
        " --split {wildcards.split} --clips-folder {params.clips_folder:q} {params.teacher}"
        " --threads {threads} {resources.options} {params.duplicates}"
        " --output {output.model:q}"


# The job saves its number of clips per video in the fine-tuned model, and `motionfit predict` uses
# it.
rule recognition:
    input:
        record=current("recognition"),
        index=reads("recognition", "index"),
        model=reads("recognition", "model"),
        clips=reads("recognition", "clips"),
    output:
        recognition="results/evaluations/{evaluation}/split{split}/recognition.json",
        predictions="results/evaluations/{evaluation}/split{split}/predictions.csv",
    log:
        "results/logs/recognition/{evaluation}/split{split}.log",
    benchmark:
        "results/benchmarks/recognition/{evaluation}/split{split}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("recognition").threads
    resources:
        mem_mb=growing("recognition", "mem_mb"),
        runtime=growing("recognition", "runtime"),
        gpu=resources("recognition").gpu,
    params:
        clips_folder=folder_of("recognition", "clips"),
        clip_length=option("recognition", "clip_length"),
        clips=option("recognition", "clips"),
        made_from=made_from("recognition"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} recognition"
        " --model {input.model:q} --index {input.index:q} --split {wildcards.split}"
        " --clips-folder {params.clips_folder:q} --clip-length {params.clip_length}"
        " --clips {params.clips} --threads {threads}"
        " --output {output.recognition:q}"


# Retrieval uses the model before fine-tuning.
rule retrieval:
    input:
        record=current("retrieval"),
        index=reads("retrieval", "index"),
        model=reads("retrieval", "model"),
        clips=reads("retrieval", "clips"),
    output:
        retrieval="results/evaluations/{evaluation}/split{split}/retrieval.json",
        neighbours="results/evaluations/{evaluation}/split{split}/neighbours.csv",
    log:
        "results/logs/retrieval/{evaluation}/split{split}.log",
    benchmark:
        "results/benchmarks/retrieval/{evaluation}/split{split}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("retrieval").threads
    resources:
        mem_mb=growing("retrieval", "mem_mb"),
        runtime=growing("retrieval", "runtime"),
        gpu=resources("retrieval").gpu,
    params:
        clips_folder=folder_of("retrieval", "clips"),
        clip_length=option("retrieval", "clip_length"),
        clips=option("retrieval", "clips"),
        recall_at=option("retrieval", "recall_at"),
        made_from=made_from("retrieval"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " --gpus {resources.gpu} retrieval"
        " --model {input.model:q} --index {input.index:q} --split {wildcards.split}"
        " --clips-folder {params.clips_folder:q} --clip-length {params.clip_length}"
        " --clips {params.clips} --recall-at {params.recall_at} --threads {threads}"
        " --output {output.retrieval:q}"


rule metrics:
    input:
        record=current("metrics"),
        measures=reads("metrics", "measures"),
    output:
        metrics=report(
            "results/evaluations/{evaluation}/metrics.json",
            caption="captions/metrics.rst",
            category="Evaluations",
            labels={"evaluation": "{evaluation}"},
        ),
    log:
        "results/logs/metrics/{evaluation}.log",
    benchmark:
        "results/benchmarks/metrics/{evaluation}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("metrics").threads
    resources:
        mem_mb=growing("metrics", "mem_mb"),
        runtime=growing("metrics", "runtime"),
    params:
        evaluation="results/evaluations/{evaluation}",
        splits=option("metrics", "splits"),
        measures=option("metrics", "measures"),
        made_from=made_from("metrics"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " metrics"
        " --evaluation {params.evaluation:q} --splits {params.splits} --measures {params.measures}"
        " --output {output.metrics:q}"
