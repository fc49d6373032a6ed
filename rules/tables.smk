"""Makes tables and figures of the results. The name of each is a target."""

IN_TABLES = {"caption": "captions/table.rst", "category": "Tables"}


rule table:
    input:
        record=current("table"),
        metrics=reads("table", "metrics"),
    output:
        text="results/tables/{table}.md",
        values=report("results/tables/{table}.csv", labels={"table": "{table}"}, **IN_TABLES),
    log:
        "results/logs/table/{table}.log",
    benchmark:
        "results/benchmarks/table/{table}.tsv"
    wildcard_constraints:
        table=names(name for name, table in CONFIG.tables.items() if not table.axis),
    conda:
        "../envs/motionfit.yaml"
    threads: resources("table").threads
    resources:
        mem_mb=growing("table", "mem_mb"),
        runtime=growing("table", "runtime"),
    params:
        name=option("table", "name"),
        recipe=option("table", "recipe"),
        leaking=option_if_given("table", "leaking"),
        made_from=made_from("table"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " table"
        " --name {params.name} --recipe {params.recipe:q} {params.leaking}"
        " --output {output.text:q}"


use rule table as plotted_table with:
    input:
        record=current("plotted_table", stage="table"),
        metrics=reads("table", "metrics"),
    output:
        text="results/tables/{table}.md",
        values=report("results/tables/{table}.csv", labels={"table": "{table}"}, **IN_TABLES),
        plot=report("results/tables/{table}.svg", labels={"table": "{table}, plot"}, **IN_TABLES),
    wildcard_constraints:
        table=names(name for name, table in CONFIG.tables.items() if table.axis),


rule retrieval_figure:
    input:
        record=current("retrieval_figure"),
        index=reads("retrieval_figure", "index"),
        neighbours=reads("retrieval_figure", "neighbours"),
        frames=reads("retrieval_figure", "frames"),
    output:
        figure=report(
            "results/figures/{figure}.png",
            caption="captions/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
    log:
        "results/logs/retrieval_figure/{figure}.log",
    benchmark:
        "results/benchmarks/retrieval_figure/{figure}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("retrieval_figure").threads
    resources:
        mem_mb=growing("retrieval_figure", "mem_mb"),
        runtime=growing("retrieval_figure", "runtime"),
    params:
        recipe=option("retrieval_figure", "recipe"),
        clip_length=option("retrieval_figure", "clip_length"),
        frames=folder_of("retrieval_figure", "frames"),
        made_from=made_from("retrieval_figure"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " retrieval_figure"
        " --recipe {params.recipe:q} --neighbours {input.neighbours:q} --index {input.index:q}"
        " --frames {params.frames:q} --clip-length {params.clip_length}"
        " --output {output.figure:q}"


TARGETS = named_targets(rule.name for rule in workflow.rules)


# Without tables and figures there is no target `tables`: it would do nothing, which would look like
# a success.
if TARGETS:

    rule tables:
        input:
            TARGETS.values(),


for target, files in TARGETS.items():

    rule:
        name:
            target
        input:
            files,
