"""Which tests hold the rows of the specification of Exchange (`exchange.md`): parts A and C, as far as they concern reading.

Part A is named by how its rows begin. A row whose tests were renamed fails here.
"""

import re
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent.parent

PART_C: Final[dict[int, tuple[str, ...]]] = {
    1: (
        "unit/exchange/test_pace.py::test_c1_a_refused_password_is_tried_again_after_minutes_and_then_hardly_ever",
        "unit/exchange/test_pace.py::test_c1_a_password_that_was_never_accepted_is_not_sent_four_times_at_once",
        "integration/exchange/test_signing_in.py::test_part_c_1_a_wrong_password_is_tried_once_for_all_mailboxes",
        "integration/sync/test_runner.py::test_a_wrong_password_is_tried_twice_for_all_mailboxes_together",
    ),
    2: (
        "unit/exchange/test_session.py::test_c2_two_in_a_row_are_not",
        "unit/exchange/test_session.py::test_c2_a_server_that_never_answers_is_given_up",
        "unit/exchange/test_session.py::test_c2_an_answer_that_trickles_for_ever_is_given_up",
    ),
    3: (
        "integration/exchange/test_signing_in.py::test_part_c_3_short_tokens_are_renewed_before_they_end_and_in_no_loop",
    ),
    4: (
        "integration/exchange/test_signing_in.py::test_part_c_4_a_token_that_ends_in_mid_run_is_replaced_once",
        "integration/sync/test_crashes.py::test_a_crash_at_each_step_loses_and_doubles_nothing",
    ),
    5: (
        "integration/exchange/test_signing_in.py::test_part_c_5_a_refused_token_says_why_and_is_asked_for_once",
        "integration/sync/test_watch.py::test_a_secret_is_warned_of_by_the_day_that_was_entered",
    ),
    6: (
        "unit/exchange/test_pace.py::test_c6_at_most_four_requests_are_in_flight_and_one_a_mailbox",
        "integration/exchange/test_graph.py::test_part_c_6_another_mailbox_that_is_throttled_too_holds_all",
        "integration/sync/test_runner.py::test_a_busy_exchange_disables_nothing",
    ),
    7: (
        "unit/exchange/test_pace.py::test_c7_repeated_pauses_double_up_to_a_quarter_of_an_hour",
        "unit/exchange/test_pace.py::test_c7_a_long_hint_is_a_floor_however_often_it_comes",
        "integration/exchange/test_graph.py::test_part_c_7_always_one_second_is_a_floor_and_the_pause_grows",
    ),
    8: (
        "unit/exchange/test_pace.py::test_c8_the_hint_of_a_busy_server_stops_all_mailboxes_of_the_account",
        "unit/exchange/test_pace.py::test_c8_no_hint_means_our_own_pause",
        "unit/exchange/test_pace.py::test_c8_of_the_requests_in_flight_two_may_list_changes",
    ),
    9: (
        "unit/exchange/test_fetch.py::test_c9_the_next_batch_is_on_its_way_while_the_caller_works_and_no_further",
        "unit/exchange/test_attachments.py::test_c9_a_large_attachment_is_never_held_whole",
    ),
    10: (
        "contract/test_reader.py::test_c10_control_characters_of_a_sender_stop_nothing",
        "unit/exchange/test_fetch.py::test_c10_illegal_xml_characters_are_replaced_and_nothing_else_lost",
        "unit/exchange/test_fetch.py::test_c10_an_answer_beyond_repair_costs_only_the_one_item",
    ),
    11: (
        "unit/exchange/test_changes.py::test_c11_unknown_kinds_of_items_are_changes_like_any_other",
        "unit/exchange/test_fetch.py::test_c11_a_message_of_unknown_kind_is_read_all_the_same",
    ),
    12: (
        "contract/test_reader.py::test_c12_one_item_that_cannot_be_read_leaves_its_neighbours",
        "unit/exchange/test_attachments.py::test_c12_an_attachment_that_a_sound_server_fails_at_is_a_fault_of_its_item",
        "integration/sync/test_round.py::test_one_bad_email_is_a_row_and_stops_none",
        "integration/sync/test_round.py::test_a_failing_email_is_given_up_after_some_tries",
    ),
    13: (
        "unit/exchange/test_fetch.py::test_c13_a_batch_that_fails_because_of_one_item_is_halved",
        "integration/exchange/test_graph.py::test_part_c_13_one_bad_message_does_not_stop_its_folder",
    ),
    14: (
        "unit/exchange/test_items.py::test_c14_c15_encoded_words_never_stop_anything",
        "unit/refine/test_mime.py::test_a_charset_that_its_sender_made_up_stops_nothing",
    ),
    15: (
        "unit/exchange/test_items.py::test_c15_no_nul_and_no_lone_surrogate_comes_out_of_a_header",
        "contract/test_store_emails.py::test_text_that_no_database_takes_is_dropped",
        "unit/refine/test_mime.py::test_nothing_that_a_database_refuses_gets_through",
    ),
    16: (
        "unit/exchange/test_changes.py::test_c16_a_lost_cursor_is_no_error",
        "integration/exchange/test_graph.py::test_part_c_16_a_forgotten_place_has_the_folder_read_anew",
        "integration/sync/test_round.py::test_a_lost_place_doubles_nothing_and_finds_what_is_gone",
    ),
    17: (
        "unit/exchange/test_changes.py::test_c17_a_page_that_leads_nowhere_is_the_last",
        "unit/exchange/test_folders.py::test_c17_a_server_that_pages_on_the_spot_does_not_hold_us",
        "integration/exchange/test_graph.py::test_part_c_17_a_link_that_leads_to_itself_is_left",
    ),
    18: (
        "integration/exchange/test_graph.py::test_part_c_18_a_message_that_comes_twice_is_one",
        "unit/sync/test_decide.py::test_the_same_email_twice_in_a_page_is_new_once",
    ),
    19: (
        "integration/exchange/test_graph.py::test_part_c_19_and_20_a_move_keeps_the_id_and_there_and_back_is_only_told_as_left",
        "integration/sync/test_round.py::test_a_move_changes_the_folder_of_the_one_comment",
        "integration/sync/test_faults_at_random.py::test_a_mailbox_of_graph_is_complete_in_the_end",
    ),
    20: (
        "integration/exchange/test_graph.py::test_nothing_but_reading_is_ever_sent_and_ids_are_always_immutable",
        "unit/refine/test_identity.py::test_comment_id_is_hex_of_the_message_id_with_its_brackets",
    ),
    21: (
        "contract/test_reader.py::test_c21_an_item_that_went_away_is_gone_and_not_an_error",
        "unit/exchange/test_fetch.py::test_c21_an_item_gone_between_list_and_fetch_is_no_error",
        "integration/exchange/test_graph.py::test_part_c_21_what_is_gone_between_list_and_fetch_is_no_error",
    ),
    22: (
        "integration/exchange/test_graph.py::test_part_c_22_a_start_time_loses_nothing_though_a_filtered_delta_would",
    ),
    23: (
        "unit/sync/test_decide.py::test_what_is_too_old_is_not_fetched",
        "unit/sync/test_decide.py::test_what_came_before_the_start_is_nothing",
        "unit/sync/test_filters.py::test_the_start_counts_when_the_email_was_received",
    ),
    24: (
        "contract/test_reader.py::test_c24_a_mailbox_that_is_not_there_is_named_and_the_others_go_on",
        "integration/exchange/test_graph.py::test_part_c_24_a_group_a_misspelt_and_a_forbidden_mailbox_are_told_apart",
        "unit/exchange/test_check.py::test_an_unknown_mailbox_stops_no_other",
    ),
    25: (
        "integration/sync/test_aftermath.py::test_a_right_must_be_missing_often_and_for_long",
        "integration/sync/test_aftermath.py::test_a_success_in_between_begins_the_count_anew",
        "unit/sync/test_policy.py::test_a_right_that_is_missing_must_last",
    ),
    26: (
        "unit/refine/test_identity.py::test_without_a_message_id_the_same_content_is_the_same_comment",
        "integration/sync/test_round.py::test_another_email_under_the_same_message_id_is_kept_too",
    ),
    27: (
        "contract/test_store_schedule.py::test_who_holds_the_lease_holds_it_alone",
        "contract/test_store_schedule.py::test_an_expired_lease_is_taken_over_and_the_old_owner_is_fenced_off",
        "integration/sync/test_round.py::test_a_round_that_lost_its_lease_writes_nothing",
        "integration/sync/test_runner.py::test_a_mailbox_that_another_process_reads_is_left_alone",
    ),
    28: (
        "unit/exchange/test_session.py::test_c28_times_are_asked_for_in_utc_and_the_lowest_version_first",
        "unit/exchange/test_items.py::test_c28_times_are_utc_whatever_is_written",
        "unit/exchange/test_items.py::test_c28_any_number_of_digits_and_any_offset_is_read",
    ),
}

PART_A: Final[dict[str, tuple[str, ...]]] = {
    "RequestServerVersion": (
        "unit/exchange/test_session.py::test_c28_times_are_asked_for_in_utc_and_the_lowest_version_first",
        "unit/exchange/test_changes.py::test_versions_step_down_and_stay_down_for_the_mailbox",
        "integration/sync/test_versions.py::test_the_version_is_remembered_across_restarts",
    ),
    "Elements by version": ("unit/exchange/test_operations.py::test_every_request_is_valid",),
    "Unknown item kinds": (
        "unit/exchange/test_changes.py::test_c11_unknown_kinds_of_items_are_changes_like_any_other",
        "unit/exchange/test_fetch.py::test_what_is_not_mail_is_skipped_with_its_class",
    ),
    "SyncFolderItems max 512": (
        "unit/exchange/test_changes.py::test_no_page_asks_for_more_than_512_changes",
        "contract/test_reader.py::test_cursors_may_be_long",
        "integration/sync/test_crashes.py::test_a_crash_at_each_step_loses_and_doubles_nothing",
    ),
    "IdOnly in sync": (
        "unit/exchange/test_changes.py::test_only_ids_are_asked_for_unless_a_time_is_wanted",
    ),
    "GetItem batches of 10": (
        "unit/exchange/test_fetch.py::test_items_come_in_order_in_batches_of_ten",
        "unit/exchange/test_fetch.py::test_after_a_slow_answer_batches_stay_small_and_grow_again",
    ),
    "Mixed result": (
        "unit/exchange/test_fetch.py::test_what_exchange_did_not_get_to_is_asked_for_again",
        "unit/exchange/test_fetch.py::test_an_item_that_is_never_got_to_does_not_hold_up_for_ever",
    ),
    "InnerErrorResponseCode": (
        "unit/exchange/test_changes.py::test_a_true_cause_inside_an_internal_error_is_found",
    ),
    "ErrorServerBusy": (
        "unit/exchange/test_pace.py::test_c8_the_hint_of_a_busy_server_stops_all_mailboxes_of_the_account",
        "unit/exchange/test_pace.py::test_after_being_busy_fewer_requests_are_in_flight",
        "unit/exchange/test_fetch.py::test_a_busy_server_said_of_one_item_stops_the_mailbox",
    ),
    "EwsMaxConcurrency": (
        "unit/exchange/test_pace.py::test_c6_at_most_four_requests_are_in_flight_and_one_a_mailbox",
        "unit/exchange/test_pace.py::test_c8_of_the_requests_in_flight_two_may_list_changes",
        "contract/test_reader.py::test_ten_mailboxes_are_read_side_by_side_within_the_limits",
    ),
    "ErrorTimeoutExpired": (
        "unit/exchange/test_changes.py::test_a_server_that_is_too_slow_is_asked_for_less",
        "unit/exchange/test_fetch.py::test_c13_a_batch_that_fails_because_of_one_item_is_halved",
    ),
    "ErrorInvalidSyncStateData": (
        "unit/exchange/test_changes.py::test_c16_a_lost_cursor_is_no_error",
        "contract/test_reader.py::test_the_cursor_of_another_folder_is_lost",
        "integration/sync/test_round.py::test_a_lost_place_doubles_nothing_and_finds_what_is_gone",
    ),
    "ErrorSyncFolderNotFound": (
        "contract/test_reader.py::test_a_folder_that_is_gone_is_a_fault_of_that_folder",
        "integration/sync/test_round.py::test_a_deleted_folder_loses_nothing",
    ),
    "ErrorItemNotFound after a Create": (
        "unit/exchange/test_fetch.py::test_gone_means_gone_however_it_is_said",
    ),
    "ErrorMailboxMoveInProgress and other passing faults": (
        "unit/sync/test_policy.py::test_what_passes_switches_nothing_off",
    ),
    "ErrorNonExistentMailbox": (
        "unit/sync/test_policy.py::test_a_mailbox_that_is_not_there_is_looked_for_twice",
        "integration/sync/test_runner.py::test_an_unknown_mailbox_is_disabled_and_the_others_go_on",
    ),
    "ErrorAccessDenied": (
        "contract/test_reader.py::test_a_mailbox_without_rights_is_named",
        "integration/sync/test_aftermath.py::test_a_right_must_be_missing_often_and_for_long",
    ),
    "ErrorAccountDisabled": (
        "unit/sync/test_policy.py::test_every_code_of_the_specification_has_a_row",
    ),
    "ErrorItemCorrupt": (
        "unit/exchange/test_fetch.py::test_an_item_that_cannot_be_converted_comes_with_less",
        "unit/exchange/test_fetch.py::test_an_item_that_cannot_be_given_at_all_is_a_fault",
        "integration/sync/test_round.py::test_an_email_that_came_without_its_body_is_kept_and_said_to_be_so",
    ),
    "ErrorUnsupportedMimeConversion": (
        "unit/exchange/test_fetch.py::test_an_item_that_cannot_be_converted_comes_with_less",
    ),
    "HTTP 200 / 500 both carry SOAP": (
        "unit/exchange/test_session.py::test_faults_of_every_form_are_understood",
        "unit/exchange/test_session.py::test_one_503_and_one_broken_connection_are_got_over",
    ),
    "HTTP 401": (
        "unit/exchange/test_pace.py::test_c1_a_401_of_an_overloaded_server_passes",
        "integration/exchange/test_signing_in.py::test_part_c_4_a_token_that_ends_in_mid_run_is_replaced_once",
    ),
    "HTTP 403": ("integration/exchange/test_signing_in.py::test_a_tenant_with_ews_off_says_so",),
    "HTTP 302": ("unit/exchange/test_session.py::test_a_redirect_is_never_followed",),
    "HTTP 429, 449, 456, 407": (
        "unit/exchange/test_session.py::test_an_answer_that_is_none_is_put_into_words",
    ),
    "a closed connection, and the names of a request for the log": (
        "contract/test_reader.py::test_a_connection_that_breaks_once_is_not_noticed",
        "unit/exchange/test_session.py::test_the_servers_name_of_a_failed_request_is_kept_for_its_administrator",
    ),
    "Invalid XML characters": (
        "unit/exchange/test_xml.py::test_a_forbidden_character_is_replaced",
        "unit/exchange/test_xml.py::test_an_answer_that_calls_itself_xml_1_1_is_read_whole",
    ),
    "Text node over 10 MB": (
        "unit/exchange/test_xml.py::test_a_text_of_twenty_megabytes_is_read",
        "unit/exchange/test_http.py::test_a_small_answer_that_swells_is_stopped_at_the_ceiling",
    ),
    "ItemId changes on a move": (
        "contract/test_reader.py::test_a_move_leaves_one_folder_and_arrives_in_another",
        "integration/sync/test_round.py::test_a_move_changes_the_folder_of_the_one_comment",
    ),
    "Move seen as Delete and Create in any order": (
        "unit/sync/test_decide.py::test_a_copy_after_one_that_is_gone_has_moved",
        "unit/sync/test_decide.py::test_a_copy_beside_another_is_new",
        "integration/sync/test_faults_at_random.py::test_a_mailbox_of_ews_is_complete_in_the_end",
    ),
    "No Message-ID": (
        "unit/refine/test_identity.py::test_without_a_message_id_the_same_content_is_the_same_comment",
        "unit/refine/test_identity.py::test_without_a_message_id_other_content_is_another_comment",
    ),
    "ReadFlagChange": (
        "unit/sync/test_decide.py::test_a_read_flag_needs_no_fetch",
        "integration/sync/test_round.py::test_read_flags_are_followed_without_fetching",
    ),
    "X-AnchorMailbox and cookies": (
        "unit/exchange/test_pace.py::test_the_mailbox_that_is_asked_about_is_in_every_request",
        "unit/exchange/test_session.py::test_cookies_are_kept_for_each_mailbox",
        "integration/sync/test_listening.py::test_one_connection_tells_of_two_hundred_mailboxes_and_only_those_with_news_are_read",
    ),
    "Auth": (
        "integration/exchange/test_signing_in.py::test_ntlm_and_negotiate_sign_in_a_connection_for_each_mailbox",
        "integration/exchange/test_signing_in.py::test_a_token_reads_mailboxes_and_is_asked_for_once",
        "integration/exchange/test_signing_in.py::test_a_certificate_signs_in",
    ),
    "EWS in Exchange Online is ending": (
        "unit/exchange/test_check.py::test_the_end_of_ews_at_exchange_online_is_told",
    ),
    "Read-only, and a delegate of the inbox alone": (
        "unit/exchange/test_operations.py::test_nothing_but_reading_can_be_asked",
        "contract/test_reader.py::test_a_delegate_of_the_inbox_alone_reads_it",
        "integration/sync/test_round.py::test_a_delegate_who_sees_the_inbox_alone_syncs_it",
    ),
    "SyncFolderItems is not supported for": (
        "integration/exchange/test_other_folders.py::test_public_folders_are_listed_level_by_level",
        "integration/exchange/test_other_folders.py::test_a_group_is_listed",
        "integration/exchange/test_other_folders.py::test_a_search_folder_says_where_its_items_lie",
    ),
    "archivemsgfolderroot": (
        "integration/exchange/test_other_folders.py::test_an_archive_is_read_apart_and_as_any_mailbox",
    ),
    "Hidden folders": (
        "unit/exchange/test_folders.py::test_only_folders_of_mail_are_told_but_also_those_below_others",
    ),
    "Item kinds in Inbox": ("unit/exchange/test_items.py::test_which_kinds_are_mail",),
    "Embedded messages": (
        "contract/test_reader.py::test_an_attached_email_comes_as_mime",
        "unit/exchange/test_attachments.py::test_a_link_has_no_content_and_nothing_is_asked",
    ),
    "S/MIME": (
        "contract/test_reader.py::test_a_sealed_mail_has_one_attachment_that_holds_it",
        "integration/sync/test_sealed.py::test_what_is_sealed_is_opened_as_far_as_it_can_be",
    ),
    "IRM": (
        "contract/test_reader.py::test_a_protected_mail_keeps_its_people_and_its_wrapping",
        "unit/refine/test_protection.py::test_a_wrapping_of_rights_management_is_marked",
    ),
    "Request stream over 400 KB": (
        "unit/exchange/test_changes.py::test_a_server_that_is_too_slow_is_asked_for_less",
    ),
    "trap 2: digits of dates": (
        "unit/exchange/test_items.py::test_c28_any_number_of_digits_and_any_offset_is_read",
    ),
    "trap 3: every field by name": (
        "unit/exchange/test_items.py::test_all_properties_find_their_place",
    ),
    "trap 5: other words for the same fault": (
        "unit/exchange/test_session.py::test_faults_of_every_form_are_understood",
    ),
    "trap 8: the last change of a folder": (
        "unit/exchange/test_folders.py::test_a_change_inside_changes_the_hint_and_a_silent_server_gives_none",
        "integration/sync/test_round.py::test_an_idle_mailbox_costs_one_request",
    ),
}
"""Left out of part A: ServerVersionInfo, which is not read at all, and winmail.dat, which stays an attachment.

Of the measured traps 1, 6 and 9 are of the simulator; 4 and 7 are rows above.
"""

ROWS: Final = [(f"C{row}", tests) for row, tests in PART_C.items()] + list(PART_A.items())


@pytest.mark.parametrize(("row", "tests"), ROWS, ids=[row for row, _ in ROWS])
def test_each_row_has_tests_that_are_there(row: str, tests: tuple[str, ...]) -> None:
    assert tests, row
    for test in tests:
        path, _, name = test.partition("::")
        written = (TESTS / path).read_text(encoding="utf-8")
        assert re.search(rf"^ *(async )?def {name}\(", written, re.MULTILINE), test


def test_no_row_of_part_c_is_left_out() -> None:
    assert list(PART_C) == list(range(1, 29))
