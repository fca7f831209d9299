"""The glossary: each technical term in one sentence, for the disclosures on the pages."""

from __future__ import annotations

GLOSSARY: dict[str, str] = {
    "suitability": "How much given conditions resemble those where the species was recorded, from 0 to 1; where only "
    "presences were surveyed it ranks places and is not a chance of finding the species.",
    "interval": "A range that should contain the observed share of a group of similar places in nine cases of ten. It "
    "is computed from models of half samples of the records and from the members of the model, and checked on groups "
    "of held-out records.",
    "threshold": "The suitability from which conditions are called suitable.",
    "maxSSS": "The threshold that maximises the sum of sensitivity and specificity on held-out records.",
    "P10": "The threshold that leaves out the tenth of the held-out presences with the lowest suitability.",
    "MTP": "The lowest suitability of any held-out presence, so that none of them is called unsuitable.",
    "verdict": "Suitable or unsuitable: the whole interval lies on that side of the threshold. Probably suitable or "
    "probably unsuitable: the suitability lies on that side, and the interval crosses the threshold. Cannot say: the "
    "conditions are unlike the training records, or the model is not better than chance.",
    "AUC": "The share of pairs of a place with the species and one without in which the model ranks the first higher; "
    "0.5 is chance, 1 is perfect.",
    "AUC-PRG": "Like AUC, but about how many of the places named suitable truly have the species; 0 is no better than "
    "predicting presence everywhere, 1 is perfect.",
    "COR": "The correlation between suitability and held-out presence; 0 is none, 1 is perfect.",
    "TSS": "Sensitivity plus specificity minus one, at the threshold; 0 is chance, 1 is perfect.",
    "CBI": "The continuous Boyce index: whether presences become more frequent as suitability rises; 1 is always, "
    "0 is chance, negative: presences become rarer as suitability rises.",
    "Continuous Boyce index": "Whether presences become more frequent as suitability rises; 1 is always, 0 is chance, "
    "negative: presences become rarer as suitability rises.",
    "Brier score": "The mean squared difference between suitability and what was found; 0 is perfect.",
    "sensitivity": "The share of places with the species that are called suitable.",
    "specificity": "The share of places without the species that are called unsuitable.",
    "cross-validation": "Every record is predicted by a model that was trained without it.",
    "spatial blocks": "Cross-validation that holds out entire areas, so that no training record lies next to a "
    "held-out one.",
    "stratified": "Cross-validation that holds out records at random in equal shares; it is used where "
    "there are no coordinates or the presences lie too close together, and the scores may be too high.",
    "MESS": "Multivariate environmental similarity: 100 is typical of the training places, below 0 at least one value "
    "lies outside their range.",
    "area of applicability": "The conditions like those the model was trained on; outside them its answer is an "
    "extrapolation.",
    "dissimilarity index": "The distance from these conditions to the nearest training record, each condition weighted "
    "by how much the model uses it; 1 is the mean distance between training records.",
    "response curve": "How the suitability changes when one condition changes and the others stay as they are.",
    "contribution": "How far one condition moved the suitability up or down from the baseline, the suitability before "
    "any condition is known; with the baseline they sum exactly to the suitability. For the network it is based on the "
    "mean of a condition's effect as the first and as the last to change.",
    "MaxEnt": "A model that weighs curves of each condition so that presences stand out from the background, and "
    "penalises every curve that is not needed.",
    "multi-species network": "One model of all species of a study, from which rare species learn what common ones "
    "share with them.",
    "target group": "Places where other species of the study were recorded; their sampling bias is that of "
    "the presences. Their weight in the background follows from the bias between species: how well conditions at "
    "places of other species tell a species' own places from random points.",
    "calibration": "Adjusting the model's figure, on held-out records, so that it means the same for every species.",
    "reliability": "Of the sites given some suitability, the share that had the species; in a calibrated model the two "
    "agree.",
    "optimism": "How much better a model looks when held-out records may lie next to the ones it learnt from.",
    "importance": "How far a predictor moves the score over the training records, on average; all predictors add up to "
    "one.",
    "presence-absence": "The survey recorded where the species was and where it was not.",
    "presence-background": "Only presences were recorded; they are compared with background points, so suitability "
    "ranks places and is not a chance of finding the species.",
    "background points": "Places that represent the available conditions where absences were not recorded: random "
    "places, places where other species of the study were recorded (the target group), or both.",
    "random forest": "Several hundred decision trees, each grown on another sample of the records, whose results "
    "are averaged.",
    "down-sampled": "Each tree sees as many places without the species as with it, so that the larger group does not "
    "dominate.",
    "predictor": "An environmental variable that the model uses.",
    "ODMAP": "The standard reporting protocol for species distribution models (Zurell et al. 2020), with the sections "
    "Overview, Data, Model, Assessment and Prediction.",
    "model card": "The description of a model: its records, scores and limits, and how to repeat the fit.",
    "drift": "How far the requested conditions differ from the training data. With a large drift a model becomes less "
    "reliable, although it has not changed.",
    "Kolmogorov–Smirnov distance": "The largest difference between the share of requests and the share of training "
    "places below any one value: 0 is the same everywhere, 1 no overlap; from 0.2 it is called somewhat, from 0.4 very "
    "different.",
    "middle half": "From the value that a quarter of the values lie below to the one that a quarter lie above.",
    "training places": "The places a study's models learnt from, with the species or without, background points "
    "included.",
    "data fingerprint": "A hash of the training table: the same fingerprint means the same data.",
}
