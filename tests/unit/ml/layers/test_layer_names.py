"""Names of layers and scenarios from the names of files and bands."""

import pytest

from ml.layers.layer_names import canonical_name, is_auxiliary, is_of_classes, is_static, is_useful
from ml.layers.scenarios import named_scenario, recognise_scenario


@pytest.mark.parametrize(
    "text",
    [
        *("bio_1", "bio1", "bio01", "BIO1", "Bio_01", "bio-1", "bio.1", "bioclim_1", "wc2.1_10m_bio_1"),
        *("wc2.1_30s_bio_1.tif", "CHELSA_bio1_1981-2010_V.2.1", "CHELSA_bio10_01", "present_bio_1", "current_bio1"),
        *("bio_1.tif", "cc45bi501", "Bio1_5045", "CHELSA_bio10_01_mon_CCSM4_rcp45_2041-2060_V1.2.tif"),
    ],
)
def test_one_variable_has_one_name(text):
    assert canonical_name(text) == "bio1"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("wc2.0_bio_10m_01.tif", "bio1"),
        ("wc2.0_bio_5m_12.tif", "bio12"),
        ("wc2.0_bio_2.5m_19.tif", "bio19"),
        ("wc2.0_bio_30s_05.tif", "bio5"),
        ("Bio_5_min_12", "bio12"),
        ("bio_2_5m_12", "bio12"),
        ("bio_10m_bil_bio12", "bio12"),
        ("bio_10m_bil/bio1", "bio1"),
        ("bio10_5km", "bio10"),
        ("bio_10_30s", "bio10"),
        ("wc2.0_5m_tmin_10", "tmin10"),
        # A resolution alone is no number of a variable.
        ("wc2.0_bio_10m", "bio_10m"),
        ("cclgmbi1", "bio1"),
        ("mrmidbi12", "bio12"),
        ("he85bi5012", "bio12"),
        ("cc45bi7019", "bio19"),
        ("cc45tn501", "tmin1"),
        ("CHELSA_bio_mon_CCSM4_rcp45_r1i1p1_g025.nc_12_2061-2080_V1.2", "bio12"),
        ("CHELSA_tasmax_mon_ACCESS1-3_rcp45_r1i1p1_g025.nc_3_2041-2060_V1.2", "tmax3"),
        ("CHELSA_PMIP_CCSM4_BIO_01", "bio1"),
        ("CHELSA_TraCE21k_bio01_-200_V1.0", "bio1"),
    ],
)
def test_the_number_is_that_of_the_variable(text, name):
    assert canonical_name(text) == name


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("landcover.tif", "landcover_ssp126_2050.tif"),
        ("landcover_current", "landcover_MIROC6_ssp585_2041-2060"),
        ("present_ndvi", "future_ndvi"),
        ("biome", "biome_LGM"),
        ("tree.cover", "rcp85_tree.cover_2070"),
        ("CHELSA_gdd5_1981-2010_V.2.1", "CHELSA_gdd5_2041-2070_gfdl-esm4_ssp370_V.2.1"),
        ("soil_moisture_baseline", "soil_moisture_canesm5-canoe_rcp2.6_2090"),
        ("降水", "降水_ssp126_2050"),
        ("landcover", "landcover_2050s"),
        ("landcover_current_10m", "landcover_future_10m"),
        ("ndvi", "ndvi_hadgem2es_rcp85"),
        ("ocean_current_speed", "ocean_current_speed_ssp585"),
    ],
)
def test_one_name_now_and_in_a_scenario(now, then):
    assert canonical_name(now) == canonical_name(then)
    assert recognise_scenario(now) is None and recognise_scenario(then) is not None


def test_names_in_other_scripts_differ():
    names = [canonical_name(text) for text in ("温度.tif", "降水.tif", "осадки.tif", "θερμοκρασία.tif")]
    assert len(set(names)) == 4 and all(name.startswith("layer_") for name in names)
    # Composed and decomposed letters are one text.
    assert canonical_name("temp\u00e9rature") == canonical_name("tempe\u0301rature") == "temperature"
    assert canonical_name("straße") == "strasse"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bio3_5045", "bio3"),
        ("bio19", "bio19"),
        ("bio10", "bio10"),
        ("CHELSA_bio10_1981-2010_V.2.1", "bio10"),
        ("bio_20", "bio_20"),
        ("biome", "biome"),
        ("SoilType", "soiltype"),
        ("layer.1", "layer_1"),
        ("altitude", "elevation"),
        ("wc2.1_10m_elev", "elevation"),
        ("elev_vinschgau", "elevation"),
        ("wc2.1_10m_tmin_01", "tmin1"),
        ("prec_12", "prec12"),
        ("present_Forest cover (%)", "forest_cover"),
        ("2023 roads", "layer_2023_roads"),
        ("°°", "layer"),
    ],
)
def test_other_names(text, name):
    assert canonical_name(text) == name


def test_what_names_say():
    assert [is_useful(title) for title in ("Band 1", "layer.1", "", "3", "bio1", "SoilType")] == [False] * 4 + [
        True
    ] * 2
    assert is_auxiliary("bias_file.tif", "bio1") and is_auxiliary("x.tif", "sampling_effort")
    assert not is_auxiliary("bio1.tif", "bio1") and not is_auxiliary("unbiased.tif", "unbiased")
    assert is_static("soiltype", "x.tif") and is_static("elevation", "x.tif") and not is_static("bio1", "soil_bio1.tif")
    assert not is_static("soil_moisture", "x.tif")
    assert is_of_classes("substrate") and is_of_classes("landcover") and not is_of_classes("bio1")


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("wc2.1_10m_bioc_ACCESS-CM2_ssp126_2041-2060.tif", ("ACCESS-CM2", "ssp126", "2041-2060")),
        ("wc2.1_10m_bio_12_MIROC6_ssp585_2061-2080.tif", ("MIROC6", "ssp585", "2061-2080")),
        ("wc2.1_10m_tmin_MIROC6_ssp585_2061-2080.tif", ("MIROC6", "ssp585", "2061-2080")),
        ("bio1_sres_a2_2080.tif", ("", "sresa2", "2080")),
        ("A1B_2050_bio1.tif", ("", "sresa1b", "2050")),
        ("bio1_45_2070.tif", ("", "rcp45", "2070")),
        ("wc2.1_2.5m_bioc_HadGEM3-GC31-LL_ssp245_2081-2100.tif", ("HadGEM3-GC31-LL", "ssp245", "2081-2100")),
        ("CHELSA_LGM_CCSM4.tif", ("CCSM4", "", "LGM")),
        ("CHELSA_bio10_01_mon_CESM1-BGC_rcp45_2041-2060_V1.2.tif", ("CESM1-BGC", "rcp45", "2041-2060")),
        ("CHELSA_bio1_2041-2070_gfdl-esm4_ssp370_V.2.1.tif", ("GFDL-ESM4", "ssp370", "2041-2070")),
        ("bio_canesm5-canoe_ssp585.tif", ("CanESM5-CanOE", "ssp585", "")),
        ("Bio3_5045.grd", ("", "rcp45", "2050")),
        ("he85bi7012.tif", ("HadGEM2-ES", "rcp85", "2070")),
        ("lacerta_climate_future_10m.tif", ("", "", "")),
        ("temp_RCP8.5.asc", ("", "rcp85", "")),
        ("temp_ssp2-4.5_2090.asc", ("", "ssp245", "2090")),
        ("bio1_mid-holocene.tif", ("", "", "MH")),
        ("cclgmbi1", ("CCSM4", "", "LGM")),
        ("mrmidbi12", ("MIROC-ESM", "", "MH")),
        ("melgmbi1", ("MPI-ESM-P", "", "LGM")),
        ("cc45bi7019", ("CCSM4", "rcp45", "2070")),
        ("cc45bi70", ("CCSM4", "rcp45", "2070")),
        ("CHELSA_bio_mon_CCSM4_rcp45_r1i1p1_g025.nc_12_2061-2080_V1.2", ("CCSM4", "rcp45", "2061-2080")),
        ("CHELSA_PMIP_CCSM4_BIO_01", ("CCSM4", "", "LGM")),
        ("CHELSA_TraCE21k_bio01_-200_V1.0", ("TraCE21k", "", "century -200")),
    ],
)
def test_scenarios_of_file_names(file, parts):
    scenario = recognise_scenario(file)
    assert (scenario.model, scenario.pathway, scenario.period) == parts
    assert scenario.label == (" ".join(part for part in parts if part) or "future")


@pytest.mark.parametrize(
    "file",
    [
        *("Current_CHELSA.tif", "CHELSA_bio1_1981-2010_V.2.1.tif", "wc2.1_10m_bio_1.tif", "elev_2024.tif"),
        *("CHELSA_TraCE21k_bio01_20_V1.0", "wc2.0_bio_10m_01"),
        *("baseline_1970-2000_bio1.tif", "lacerta_climate_present_10m.tif", "biome.tif", "ecospat.testEnv.tif"),
    ],
)
def test_layers_of_the_present_have_no_scenario(file):
    assert recognise_scenario(file) is None


def test_a_typed_label_is_parsed_where_it_can_be():
    assert named_scenario("MIROC6 ssp585 2061-2080").pathway == "ssp585"
    assert named_scenario("dry").label == "dry"
