"""The list of traps that readers of stargz and tars fall into, by number, and the tests that stand before each.

The numbers are those of the project's notes on formats. A test that is renamed or removed is missed here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
_TRAPS = "unit/formats/test_traps.py"
_TARS = "unit/formats/test_traps_of_tars.py"
_STREAM = "unit/formats/test_tarstream.py"
_SPARSE = "unit/formats/test_sparse.py"
_TOC = "unit/formats/test_estargz.py"
_JSON = "unit/formats/test_tocjson.py"
_ZSTD = "unit/formats/test_zstdchunked.py"
_REPAIR = "unit/formats/test_repair.py"
_LAYER = "unit/tree/test_layer.py"
_LINKS = "unit/tree/test_links.py"
_OVERLAY = "unit/tree/test_overlay.py"
_INPUT = "test_bad_input.py"
_BLOB = "unit/registry/test_blob.py"

TRAPS: dict[str, dict[str, tuple[str, ...]]] = {
    "01 names are cleaned and never climb; the root's own entry": {
        _TRAPS: ("trap_01_names_stay_as_stored",),
        _LAYER: ("names_are_cleaned_and_never_climb", "the_roots_own_entry_gives_its_metadata_and_no_child"),
    },
    "02 directories that are implied, and listed later": {
        _LAYER: (
            "a_layer_looks_as_if_unpacked",
            "an_implied_directory_says_so",
            "a_later_entry_fills_in_an_implied_directory",
        ),
    },
    "03 duplicates, and whose chunks are whose": {
        _TRAPS: (
            "trap_03_a_duplicate_has_content_of_its_own",
            "trap_03_chunks_belong_to_the_entry_before_them_whatever_they_are_called",
        ),
        _LAYER: ("a_layer_looks_as_if_unpacked", "each_duplicate_has_its_own_content"),
    },
    "04 hard links: forward, spelled oddly, in chains, in circles, into lower layers, to nothing": {
        _LAYER: (
            "a_hard_link_is_its_target",
            "a_hard_link_to_a_symlink_is_that_symlink",
            "a_hard_link_to_an_empty_file_is_an_empty_file",
            "a_hard_link_that_leads_to_no_file_stays_a_link",
            "a_long_chain_of_hard_links_is_resolved_without_recursion",
        ),
        _LINKS: ("a_hidden_hard_link_is_not_found",),
        _OVERLAY: (
            "a_hard_link_into_a_lower_layer_is_that_layers_file",
            "a_hard_link_found_nowhere_stays_a_link_and_is_logged",
        ),
    },
    "05 one identity for all names of a file; NumLink is ignored": {
        _TRAPS: ("trap_05_a_link_count_in_the_toc_is_ignored",),
        _LAYER: ("a_hard_link_is_its_target",),
    },
    "06 a parent that is a symbolic link, of this layer or of a lower one": {
        _LAYER: (
            "a_layer_looks_as_if_unpacked",
            "links_do_not_help_to_get_deeper",
            "written_through_sends_a_subtree_where_a_lower_link_leads",
        ),
        _LINKS: ("forty_links_are_followed_and_no_more",),
        _OVERLAY: ("layers_merge_as_the_image_specification_says", "merged_layers_equal_what_unpacking_gives"),
    },
    "07 keys of JSON in any case": {
        _TRAPS: (
            "trap_07_keys_are_taken_in_any_case",
            "trap_07_the_last_duplicate_key_wins_in_any_case",
            "trap_07_an_entry_without_name_and_type_is_corrupt",
        ),
    },
    "08 names that are not UTF-8": {
        _TRAPS: ("trap_08_bad_text_is_read_as_go_reads_it",),
        _REPAIR: (
            "a_name_is_read_from_the_header_before_its_payload",
            "without_reads_colliding_names_become_unique",
            "directories_of_one_spelling_stay_one",
        ),
        _LAYER: ("names_that_differ_in_surrogates_only_stay_two",),
    },
    "09 odd and impossible names": {
        _TRAPS: ("trap_09_an_impossible_name_costs_only_its_entry", "trap_09_an_odd_name_is_kept"),
        _TARS: ("trap_09_an_impossible_name_costs_only_its_entry",),
        _LAYER: (
            "names_that_differ_in_case_or_unicode_form_only_stay_two",
            "entries_below_too_many_directories_are_left_out",
        ),
        "dav/test_names.py": ("every_odd_name_is_served_under_its_own_bytes",),
        "dav/test_hrefs.py": ("whatever_the_names_a_listing_is_well_formed_and_complete",),
        "dav/browser/test_every_page.py": ("no_name_becomes_markup",),
        "dav/browser/test_preview.py": ("a_download_of_any_name_has_a_name_that_headers_hold",),
    },
    "10 the dialects of tar": {
        _TARS: ("trap_10_sizes_above_8_gib_are_read_in_both_dialects",),
        _STREAM: (
            "kinds",
            "fields_in_both_dialects",
            "fractions_of_a_second_are_exact",
            "global_records_last_until_they_are_replaced",
            "what_is_no_tar_is_corrupt",
        ),
        _SPARSE: (
            "sparse_files_of_gnu_tar_are_read",
            "a_file_that_cannot_be_understood_is_corrupt_and_harms_no_other",
            "a_map_without_end_is_left_after_a_mebibyte",
        ),
        _REPAIR: (
            "trap_10_bad_pax_records_are_passed_over",
            "trap_10_endless_pax_records_end_the_search",
        ),
    },
    "11 whiteouts": {
        _OVERLAY: (
            "layers_merge_as_the_image_specification_says",
            "merged_layers_equal_what_unpacking_gives",
            "whiteouts_are_not_found_by_name",
        ),
    },
    "12 files over directories, directories over files, directories over directories": {
        _OVERLAY: (
            "layers_merge_as_the_image_specification_says",
            "metadata_comes_from_the_uppermost_listed_directory",
        ),
    },
    "13 files of the format itself": {
        _TOC: ("trap_13_the_formats_own_files_are_hidden_at_the_root_only",),
        _TARS: (
            "trap_13_a_plain_layer_shows_files_that_are_called_as_stargz_calls_its_own",
            "trap_13_zstd_chunked_hides_them_at_the_root_only",
        ),
    },
    "14 where a chunk ends": {
        _TRAPS: (
            "trap_14_a_chunk_ends_where_the_next_member_begins_in_whatever_order_the_toc_is",
            "trap_14_the_last_member_ends_at_the_toc",
            "trap_14_what_follows_a_chunk_in_its_member_is_not_read",
        ),
    },
    "15 chunks that make no file": {
        _TRAPS: (
            "trap_15_chunks_that_make_no_file_cost_only_that_file",
            "trap_15_a_lone_reg_with_chunk_size_is_not_chunked",
            "trap_15_orphan_chunks_are_passed_over",
        ),
    },
    "16 files that share a member": {
        _TRAPS: (
            "trap_16_files_of_one_member_are_read_right",
            "trap_16_a_member_is_read_and_inflated_once_for_all_its_files",
            "trap_16_files_of_one_member_are_told_apart_by_inner_offset",
            "trap_16_a_wrong_digest_in_a_shared_member_costs_only_its_file",
            "trap_16_a_shared_member_without_digests_is_refused",
        ),
    },
    "17 empty files, and offset zero": {
        _TRAPS: (
            "trap_17_empty_files_need_no_offset",
            "trap_17_an_empty_file_with_the_digest_of_something_is_corrupt",
            "trap_17_offset_zero_means_none",
        ),
    },
    "18 digests, of what and of which kind": {
        _TRAPS: (
            "trap_18_either_digest_of_an_unchunked_file_must_fit",
            "trap_18_the_digest_of_a_chunked_file_is_not_that_of_its_first_chunk",
            "trap_18_a_digest_that_cannot_be_verified_is_refused",
            "trap_18_a_chunk_without_digest_is_checked_by_the_crc_of_its_whole_member",
        ),
        _TOC: (
            "trap_18_the_toc_digest_covers_the_json_and_no_padding",
            "trap_18_the_toc_digest_covers_what_follows_the_json_value",
            "trap_18_a_toc_without_annotation_is_taken_as_it_is",
        ),
    },
    "19 names of users and groups": {_TRAPS: ("trap_19_names_of_users_and_groups_are_apart_and_stick",)},
    "20 times": {
        _TRAPS: ("trap_20_times_of_all_kinds_are_read_or_clamped",),
        "dav/test_propfind.py": ("any_time_is_one_that_clients_can_read",),
    },
    "21 modes, owners, attributes": {
        _TRAPS: (
            "trap_21_modes_keep_their_permission_bits",
            "trap_21_owners_are_32_bits",
            "trap_21_xattrs_are_raw_bytes",
            "trap_21_a_null_map_of_xattrs_is_none",
        ),
        _TARS: ("trap_21_attributes_of_overlayfs_are_not_shown",),
    },
    "22 numbers beyond reason": {
        _TRAPS: (
            "trap_22_a_number_beyond_reason_costs_only_its_file",
            "trap_22_a_number_beyond_reason_in_a_chunk_costs_only_its_file",
            "trap_22_a_number_that_is_none_costs_only_its_file",
            "trap_22_a_size_that_lies_allocates_nothing",
        ),
        _SPARSE: ("a_hole_of_a_pebibyte_costs_only_what_is_read",),
    },
    "23 offsets in footers, the TOC's own header, footers by chance": {
        _TOC: (
            "trap_23_offsets_are_16_hex_digits_and_nothing_else",
            "trap_23_a_toc_offset_outside_the_blob_is_no_stargz",
            "trap_23_a_toc_offset_inside_the_footer_is_no_stargz",
            "a_broken_toc_is_corrupt_and_says_why",
        ),
        _TARS: ("trap_23_plain_gzip_that_ends_like_stargz_by_chance_is_plain_gzip",),
    },
    "24 bombs and bounds": {
        _TRAPS: (
            "trap_24_too_many_xattrs_are_dropped_and_the_entry_kept",
            "trap_24_a_chunk_too_big_to_decode_at_once_is_refused",
            "trap_24_a_member_that_goes_on_and_on_without_digest_is_left",
            "trap_24_chunks_beyond_the_limit_spoil_their_file_only",
        ),
        _TOC: ("trap_24_a_toc_beyond_a_limit_is_corrupt", "trap_24_a_bomb_is_left_before_it_is_inflated"),
        _JSON: ("an_endless_entry_is_left_with_little_in_memory", "deep_nesting_is_corrupt"),
        _ZSTD: ("a_manifest_beyond_its_bounds_is_corrupt", "a_window_above_128_mib_is_refused"),
        "unit/formats/test_tarzstd.py": ("a_layer_beyond_its_bounds_is_corrupt",),
        "unit/formats/test_tarranges.py": ("a_tar_of_too_many_entries_is_over_its_limit",),
        "unit/namespace/test_incomplete.py": ("layers_beyond_the_entries_of_an_image_are_left_out_of_it_only",),
        "test_faults.py": (
            "memory_is_bounded_and_the_error_is_clear",
            "what_is_over_a_bound_is_left_and_the_bound_is_named",
        ),
    },
    "25 what is broken harms nothing else; answers that are not what was asked": {
        _TRAPS: (
            "trap_25_a_broken_file_harms_no_other",
            "trap_25_bytes_that_broke_in_a_cache_are_forgotten_and_read_once_more",
            "trap_25_bytes_that_stay_broken_are_asked_for_twice_and_no_more",
        ),
        _INPUT: (
            "a_broken_toc_harms_its_layer_only",
            "a_layer_whose_toc_its_annotation_disowns_is_the_tar_that_it_also_is",
            "a_broken_file_harms_no_other",
            "a_wrong_range_is_never_taken_for_the_right_one",
        ),
        _BLOB: (
            "whole_blob_instead_of_a_range_is_skipped_through",
            "whole_blob_of_another_size_is_corrupt",
            "body_that_breaks_off_is_continued_where_it_broke",
            "body_longer_than_its_range_is_corrupt",
            "range_that_was_not_asked_for_is_corrupt",
        ),
    },
    "26 evidence before media types": {
        _TOC: ("trap_26_media_types_decide_nothing",),
        _TARS: ("trap_26_a_format_is_told_by_evidence_never_by_the_media_type",),
        _INPUT: ("a_layer_without_the_footer_that_the_annotation_promises_is_the_tar_that_it_also_is",),
        "unit/namespace/test_artifacts.py": ("a_layer_of_an_image_is_told_by_its_bytes_whatever_its_type",),
    },
}


def test_every_trap_of_the_list_is_here() -> None:
    assert [int(trap[:2]) for trap in TRAPS] == list(range(1, 27))


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_has_the_tests_that_are_named_for_it(trap: str) -> None:
    for file, names in TRAPS[trap].items():
        there = re.findall(r"^ *def test_(\w+)\(", (_TESTS / file).read_text(), re.MULTILINE)
        assert sorted(set(names) - set(there)) == []
