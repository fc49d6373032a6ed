"""Tables and figures of the results; each is a target by its name."""


rule table:
    input:
        record=current("table"),
        metrics=metrics_of_table,
    output:
        text="results/tables/{table}.md",
        values="results/tables/{table}.csv",
    log:
        "results/logs/table/{table}.log",
    benchmark:
        "results/benchmarks/table/{table}.tsv"
    wildcard_constraints:
        table=names(name for name, table in CONFIG.tables.items() if not table.axis),
    conda:
        "../envs/motionfit.yaml"
    threads: resources("tables").threads
    resources:
        mem_mb=growing("tables", "mem_mb"),
        runtime=growing("tables", "runtime"),
    params:
        recipe=table_recipe,
        leaking=leaking_arguments,
        made_from=made_from("table"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " table"
        " --name {wildcards.table} --recipe {params.recipe:q} {params.leaking}"
        " --output {output:q}"


use rule table as plotted_table with:
    output:
        text="results/tables/{table}.md",
        values="results/tables/{table}.csv",
        plot="results/tables/{table}.svg",
    wildcard_constraints:
        table=names(name for name, table in CONFIG.tables.items() if table.axis),


rule retrieval_figure:
    input:
        record=current("retrieval_figure"),
        index=index_of_figure,
        neighbours=neighbours_of_figure,
        frames=frames_of_figure,
    output:
        figure="results/figures/{figure}.png",
    log:
        "results/logs/retrieval_figure/{figure}.log",
    benchmark:
        "results/benchmarks/retrieval_figure/{figure}.tsv"
    conda:
        "../envs/motionfit.yaml"
    threads: resources("tables").threads
    resources:
        mem_mb=growing("tables", "mem_mb"),
        runtime=growing("tables", "runtime"),
    params:
        recipe=recipe_json("figures", "figure"),
        clip_length=clip_length_of_figure,
        frames=frames_folder_of_figure,
        made_from=made_from("retrieval_figure"),
    shell:
        "python -m motionfit --log {log:q} --made-from {params.made_from:q}"
        " retrieval-figure"
        " --recipe {params.recipe:q} --neighbours {input.neighbours:q} --index {input.index:q}"
        " --frames {params.frames:q} --clip-length {params.clip_length} --output {output.figure:q}"


TARGETS = named_targets(rule.name for rule in workflow.rules)


# Without any, a target that does nothing would look like a success.
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
