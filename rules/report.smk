"""Finds near-duplicates of test videos, and writes the report of a run."""


rule duplicates:
    input:
        record=current("duplicates"),
        index=reads("duplicates", "index"),
        frames=reads("duplicates", "frames"),
        source_index=reads("duplicates", "source_index"),
        source_frames=reads("duplicates", "source_frames"),
    output:
        pairs="results/duplicates/{dataset}/{other}.csv",
        compared="results/duplicates/{dataset}/{other}.json",
    log:
        "results/logs/duplicates/{dataset}/{other}.log",
    benchmark:
        "results/benchmarks/duplicates/{dataset}/{other}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("duplicates").threads
    resources:
        mem_mb=growing("duplicates", "mem_mb"),
        runtime=growing("duplicates", "runtime"),
    params:
        frames=folder_of("duplicates", "frames"),
        splits=option("duplicates", "splits"),
        source=source_of_duplicates,
        made_from=made_from("duplicates"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " duplicates"
        " --index {input.index:q} --frames {params.frames:q} --splits {params.splits}"
        " {params.source} --threads {threads}"
        " --output {output.pairs:q}"


rule report:
    input:
        record=current("report"),
        metrics=reads("report", "metrics"),
        tables=reads("report", "tables"),
        figures=reads("report", "figures"),
        duplicates=reads("report", "duplicates"),
        others=reads("report", "others"),
        clips=reads("report", "clips"),
    output:
        report=report(
            "results/report/index.html",
            caption="captions/report.rst",
            category="Report",
        ),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("report").threads
    resources:
        mem_mb=growing("report", "mem_mb"),
        runtime=growing("report", "runtime"),
    params:
        config=config_of_report,
        made_from=made_from("report"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " report"
        " --config {params.config:q}"
        " --output {output.report:q}"
