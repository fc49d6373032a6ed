"""Fine-tuning on the target, recognition and retrieval."""


rule fine_tuning:
    input:
        record=current("fine_tuning"),
        index=index_of_evaluation,
        model=model_of_evaluation,
        clips=clips_of_evaluation,
        teacher=teacher_of_evaluation,
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
        recipe=fine_tuning_recipe,
        clip_length=from_evaluation("clip_length"),
        labels=labels_of_evaluation,
        clips=clips_folder_of_evaluation,
        teacher=teacher_arguments,
        made_from=made_from("fine_tuning"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " fine-tune"
        " --recipe {params.recipe:q} --clip-length {params.clip_length}"
        " --labelled-part {params.labels:q}"
        " --model {input.model:q} --index {input.index:q} --split {wildcards.split}"
        " --clips {params.clips:q} {params.teacher} --threads {threads} {resources.options}"
        " --gpus {resources.gpu} --output {output.model:q}"


# It notes in the fine-tuned model how many clips per video it took, for whoever uses the model.
rule recognition:
    input:
        record=current("recognition"),
        index=index_of_evaluation,
        model=model_to_recognise,
        clips=clips_of_evaluation,
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
        clips=clips_folder_of_evaluation,
        clip_length=from_evaluation("clip_length"),
        clips_per_video=from_evaluation("clips"),
        made_from=made_from("recognition"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " recognise"
        " --model {input.model:q} --index {input.index:q} --split {wildcards.split}"
        " --clips {params.clips:q} --clip-length {params.clip_length}"
        " --count {params.clips_per_video} --threads {threads}"
        " --gpus {resources.gpu} --output {output.recognition:q} --predictions {output.predictions:q}"


# Retrieval looks at the model as it is before fine-tuning.
rule retrieval:
    input:
        record=current("retrieval"),
        index=index_of_evaluation,
        model=model_of_evaluation,
        clips=clips_of_evaluation,
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
        clips=clips_folder_of_evaluation,
        clip_length=from_evaluation("clip_length"),
        clips_per_video=from_evaluation("clips"),
        recall_at=from_evaluation("recall_at"),
        made_from=made_from("retrieval"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " retrieve"
        " --model {input.model:q} --index {input.index:q} --split {wildcards.split}"
        " --clips {params.clips:q} --clip-length {params.clip_length}"
        " --count {params.clips_per_video} --recall-at {params.recall_at} --threads {threads}"
        " --gpus {resources.gpu} --output {output.retrieval:q} --neighbours {output.neighbours:q}"


rule metrics:
    input:
        record=current("metrics"),
        measures=measures_of_evaluation,
    output:
        metrics="results/evaluations/{evaluation}/metrics.json",
    log:
        "results/logs/metrics/{evaluation}.log",
    benchmark:
        "results/benchmarks/metrics/{evaluation}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("tables").threads
    resources:
        mem_mb=growing("tables", "mem_mb"),
        runtime=growing("tables", "runtime"),
    params:
        folder="results/evaluations/{evaluation}",
        splits=from_evaluation("splits"),
        kinds=from_evaluation("measures"),
        made_from=made_from("metrics"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " summarise"
        " --evaluation {params.folder:q} --splits {params.splits} --kinds {params.kinds}"
        " --output {output.metrics:q}"
