"""The recipe of ``python -m ml train``: that of a file, or one made of the options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pydantic import ValidationError

from ml.recipes.recipe import LICENCES, LayerChoice, Recipe, RecordFile, RecordRules, TrainingSettings
from ml.recipes.reports import FileReport
from ml.records.reasons import CHECKS, wrong_codes

_MOST_RECIPE = 1_000_000


def add_options(command: argparse.ArgumentParser) -> None:
    """Declare the options of which a recipe is made."""
    own = command.add_argument_group("recipe of own data", "what the pages Check records and Check layers ask")
    own.add_argument("--title", help="title of the study (default: name of the first file of records)")
    own.add_argument("--slug", help="slug of the study (default: made from the title)")
    own.add_argument(
        "--column", action="append", metavar="TERM=COLUMN", help="column of a Darwin Core term (may be repeated)"
    )
    own.add_argument("--datum", help="datum or CRS of coordinates that state none, as EPSG:32632")
    own.add_argument(
        "--licence", action="append", choices=LICENCES, help="keep records of this licence (may be repeated)"
    )
    own.add_argument(
        "--off", action="append", metavar="CHECK", help="switch a check of the records off (may be repeated)"
    )
    own.add_argument("--first-year", type=int, metavar="YEAR", help="leave out records of earlier years")
    own.add_argument("--last-year", type=int, metavar="YEAR", help="leave out records of later years")
    own.add_argument("--max-uncertainty", type=float, metavar="METRES", help="largest coordinate uncertainty")
    own.add_argument("--thin", type=float, metavar="KM", help="smallest distance between records of a species")
    own.add_argument("--crs", help="CRS of layers that state none, as EPSG:4326")
    own.add_argument("--unused", action="append", metavar="FILE", help="leave a layer file unused (may be repeated)")


def read_recipe(options: argparse.Namespace, names: list[str]) -> Recipe:
    """Return the recipe of the options: the one of a file, or the default one.

    Raises
    ------
    ValueError
        The recipe cannot be read.
    """
    if options.recipe:
        if options.recipe.stat().st_size > _MOST_RECIPE:
            raise ValueError(f"{options.recipe}: larger than {_MOST_RECIPE:,} bytes, so it is not a recipe")
        try:
            recipe = Recipe.model_validate_json(options.recipe.read_bytes())
        except ValidationError as error:
            wrong = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, wrong["loc"]))
            raise ValueError(f"{options.recipe}: {where + ': ' if where else ''}{wrong['msg']}") from None
        for member, number, text in wrong_codes(recipe.rules.off, recipe.rules.drop):
            raise ValueError(f"{options.recipe}: rules.{member}.{number}: {text}")
        return recipe
    off = [code.replace("-", "_") for code in options.off or []]
    for _, _, text in wrong_codes(off, []):
        raise ValueError(
            f"--off: {text}; the checks are {', '.join(check.code for check in CHECKS if check.switchable)}"
        )
    first = options.records[0].name if options.records else names[0]
    try:
        return Recipe(
            title=options.title or first.split(".")[0] or first,
            slug=options.slug,
            rules=RecordRules(
                licences=options.licence,
                off=off,
                first_year=options.first_year,
                last_year=options.last_year,
                max_uncertainty_m=options.max_uncertainty,
                thin_km=options.thin,
            ),
            settings=TrainingSettings(trees=options.trees, folds=options.folds, seed=options.seed),
        )
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        option = "".join(
            f"--{name.removesuffix('_km').removesuffix('_m').replace('_', '-')}: " for name in map(str, wrong["loc"])
        )
        raise ValueError(option + wrong["msg"].removeprefix("Value error, ")) from None


def add_choices(recipe: Recipe, options: argparse.Namespace, names: Sequence[str]) -> Recipe:
    """Return the recipe with the choices that the options make for files.

    Parameters
    ----------
    recipe : Recipe
    options : Namespace
    names : sequence of str
        The files that can be of records.

    Raises
    ------
    ValueError
        A file or a term is not known.
    """
    columns = {}
    for text in options.column or []:
        term, equals, column = text.partition("=")
        if not equals:
            raise ValueError(f"--column {text}: write TERM=COLUMN, as decimalLongitude=long")
        columns[term.strip()] = column.strip()
    if not columns and not options.datum:
        return recipe
    chosen = {one.name: one for one in recipe.records}
    for name in names:
        one = chosen.get(name) or RecordFile(name=name)
        chosen[name] = one.model_copy(
            update={"columns": {**one.columns, **columns}, "datum": options.datum or one.datum}
        )
    return recipe.model_copy(update={"records": list(chosen.values())})


def add_layer_choices(recipe: Recipe, options: argparse.Namespace, reports: Sequence[FileReport]) -> Recipe:
    """Return the recipe with the choices that the options make for layers, once the layers are known.

    Raises
    ------
    ValueError
        A file of ``--unused`` is not one of layers.
    """
    chosen = {(one.file, one.band): one for one in recipe.layers}
    layers = [layer for report in reports for layer in report.layers]
    unused = set(options.unused or [])
    for name in unused - {layer.file for layer in layers}:
        raise ValueError(f"--unused {name}: there is no such file of layers")
    for layer in layers:
        update: dict[str, object] = {"role": "unused"} if layer.file in unused else {}
        if options.crs and layer.crs is None:
            update["crs"] = options.crs
        if update:
            one = chosen.get((layer.file, layer.band)) or LayerChoice(file=layer.file, band=layer.band)
            chosen[layer.file, layer.band] = one.model_copy(update=update)
    return recipe.model_copy(update={"layers": list(chosen.values())})


def add_species(recipe: Recipe, species: list[str] | None, reports: Sequence[FileReport]) -> Recipe:
    """Return the recipe with a species for the files of records that have no names."""
    if not species:
        return recipe
    if len(species) > 1:
        raise ValueError("give --species once, as the species of the records that have no names")
    nameless = [
        one.name
        for one in reports
        if one.records is not None and not {"species", "scientificName"} & set(one.records.mapping)
    ]
    if not nameless:
        raise ValueError("--species names the records of files without names, but every file has names")
    chosen = {one.name: one for one in recipe.records}
    for name in nameless:
        chosen[name] = (chosen.get(name) or RecordFile(name=name)).model_copy(update={"species": species[0]})
    return recipe.model_copy(update={"records": list(chosen.values())})
