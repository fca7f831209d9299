"""The study of samples with data: a row for each site, with its conditions and the species that were recorded there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ml.card import Predictor, SpeciesDescription
from ml.card_preparation import Preparation, UsedLayer
from ml.own_data import texts
from ml.own_data.problems import COMMAND
from ml.own_data.samples import choose_samples, read_samples
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport
from ml.recipes.slugs import species_slug_in, study_slug
from ml.records.names import species_slug
from ml.study import StudyData


def assemble_samples(folder: Path, recipe: Recipe, files: Sequence[FileReport]) -> tuple[StudyData, dict[str, str]]:
    """Make a study of samples with data.

    Parameters
    ----------
    folder, recipe, files
        As for `read_samples`.

    Returns
    -------
    study : StudyData
        A row for each site. Without coordinates unless every row has a place.
    untrained : dict of str to str
        Species with too few rows, and the reason.

    Raises
    ------
    UnusableDataError
        There is no background, or no species with enough rows.
    """
    samples = read_samples(folder, recipe, files)
    chosen, untrained = choose_samples(samples, recipe)
    used = np.isin(samples.species, ["", *chosen])
    names = samples.species[used]
    _, first, row = np.unique(samples.site[used], return_index=True, return_inverse=True)
    environment = samples.environment[used].iloc[first].reset_index(drop=True)
    presence = np.zeros((len(first), len(chosen)), dtype=np.int64)
    for j, one in enumerate(chosen):
        presence[row[names == one], j] = 1
    categories = set(samples.categories)
    for column in categories:
        environment[column] = environment[column].map(lambda code: str(int(code))).astype(object)
    columns: list[str] = [str(column) for column in environment]
    name = recipe.slug or study_slug(recipe.title)
    species = [SpeciesDescription(slug=species_slug_in(name, species_slug(one)), scientific_name=one) for one in chosen]
    licences: Counter[str] = Counter()
    kept = int((names != "").sum())
    study = StudyData(
        description=texts.describe_study(
            recipe.title,
            name,
            chosen,
            kept,
            0,
            columns,
            texts.record_sources(files, licences),
            have_places=samples.have_places,
        ),
        predictors=[
            Predictor(
                name=_predictor_name(column),
                label=column[:200],
                type="categorical" if column in categories else "continuous",
            )
            for column in columns
        ],
        environment=environment.rename(columns=_predictor_name),
        species=species,
        presence=pd.DataFrame(presence, columns=[about.slug for about in species]),
        coordinates=samples.places[used][first] if samples.have_places else None,
        dropped=samples.dropped,
        preparation=Preparation(
            files=texts.used_files(files, set(samples.files)),
            layers=[
                UsedLayer(
                    predictor=_predictor_name(column),
                    file=samples.files[0],
                    band=column[:200],
                    sha256="",
                    treatment="as in the table of records" + (", as categories" if column in categories else ""),
                )
                for column in columns
            ],
            grid="None: the records bring their conditions.",
            rules=[f"{reason}: {n:,} records left out." for reason, n in samples.dropped.items()],
            recipe=recipe.model_dump_json(),
            command=COMMAND,
            places="records" if samples.have_places else None,
        ),
    )
    return study, untrained


def _predictor_name(column: str) -> str:
    """Return the name of a predictor, which is part of addresses and forms: one line without surrounding blanks."""
    return " ".join(column.split())[:200]
