//! [`ErrorCode`]: the answers that are not "yes".

use std::fmt;

/// Each line: number, variant, Kafka's name, whether a client may send the same request again, what it means.
macro_rules! error_codes {
    ($($code:literal $variant:ident $name:literal $retry:ident $message:literal,)*) => {
        /// An error code of the protocol.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ErrorCode {
            $(#[doc = $message] $variant = $code,)*
        }

        impl ErrorCode {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Kafka's name, as tools print it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether the same request may succeed later.
            pub fn is_retriable(self) -> bool {
                match self { $(Self::$variant => $retry,)* }
            }

            /// What it means, in a few words.
            pub fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }
        }
    };
}

#[allow(non_upper_case_globals)]
const retry: bool = true;
#[allow(non_upper_case_globals)]
const fail: bool = false;

impl ErrorCode {
    /// The number on the wire.
    pub fn code(self) -> i16 {
        self as i16
    }

    /// Whether this is an error at all.
    pub fn is_error(self) -> bool {
        self != Self::None
    }

    /// The error of this number; a number of a newer Kafka becomes [`ErrorCode::UnknownServerError`], as in Kafka's own
    /// client.
    pub fn from_code(code: i16) -> Self {
        match Self::ALL.binary_search_by_key(&code, |known| known.code()) {
            Ok(index) => Self::ALL[index],
            Err(_) => Self::UnknownServerError,
        }
    }

    /// `Ok` for [`ErrorCode::None`], the error for every other number.
    pub fn check(code: i16) -> Result<(), Self> {
        match Self::from_code(code) {
            Self::None => Ok(()),
            error => Err(error),
        }
    }
}

impl From<ErrorCode> for i16 {
    fn from(error: ErrorCode) -> Self {
        error.code()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message())
    }
}

impl std::error::Error for ErrorCode {}

error_codes! {
    -1 UnknownServerError "UNKNOWN_SERVER_ERROR" fail "the server failed unexpectedly; its log says more",
    0 None "NONE" fail "no error",
    1 OffsetOutOfRange "OFFSET_OUT_OF_RANGE" fail "the offset is below the partition's start or beyond its end",
    2 CorruptMessage "CORRUPT_MESSAGE" retry "a batch is corrupt: bad CRC, bad size, or no key for a compacted topic",
    3 UnknownTopicOrPartition "UNKNOWN_TOPIC_OR_PARTITION" retry "the broker does not host this topic or partition",
    4 InvalidFetchSize "INVALID_FETCH_SIZE" fail "the fetch size is invalid",
    5 LeaderNotAvailable "LEADER_NOT_AVAILABLE" retry "the partition has no leader at the moment",
    6 NotLeaderOrFollower "NOT_LEADER_OR_FOLLOWER" retry "this broker is not the partition's leader, or no replica of it",
    7 RequestTimedOut "REQUEST_TIMED_OUT" retry "the request timed out",
    8 BrokerNotAvailable "BROKER_NOT_AVAILABLE" fail "the broker is not available",
    9 ReplicaNotAvailable "REPLICA_NOT_AVAILABLE" retry "the replica is not available",
    10 MessageTooLarge "MESSAGE_TOO_LARGE" fail "a batch is larger than max.message.bytes allows",
    11 StaleControllerEpoch "STALE_CONTROLLER_EPOCH" fail "the controller has moved to another broker",
    12 OffsetMetadataTooLarge "OFFSET_METADATA_TOO_LARGE" fail "the metadata string of a committed offset is too long",
    13 NetworkException "NETWORK_EXCEPTION" retry "the connection ended before the answer came",
    14 CoordinatorLoadInProgress "COORDINATOR_LOAD_IN_PROGRESS" retry "the coordinator is still loading",
    15 CoordinatorNotAvailable "COORDINATOR_NOT_AVAILABLE" retry "the coordinator is not available",
    16 NotCoordinator "NOT_COORDINATOR" retry "this broker is not the coordinator asked for",
    17 InvalidTopicException "INVALID_TOPIC_EXCEPTION" fail "the topic's name is invalid, or the operation is not allowed on this topic",
    18 RecordListTooLarge "RECORD_LIST_TOO_LARGE" fail "the batches are larger than a segment may be",
    19 NotEnoughReplicas "NOT_ENOUGH_REPLICAS" retry "fewer in-sync replicas than min.insync.replicas",
    20 NotEnoughReplicasAfterAppend "NOT_ENOUGH_REPLICAS_AFTER_APPEND" retry "written, but to fewer in-sync replicas than min.insync.replicas",
    21 InvalidRequiredAcks "INVALID_REQUIRED_ACKS" fail "acks must be 0, 1 or -1",
    22 IllegalGeneration "ILLEGAL_GENERATION" fail "the generation is not the group's current one",
    23 InconsistentGroupProtocol "INCONSISTENT_GROUP_PROTOCOL" fail "the member's protocols fit none of the group's, or it names none",
    24 InvalidGroupId "INVALID_GROUP_ID" fail "the group id is invalid",
    25 UnknownMemberId "UNKNOWN_MEMBER_ID" fail "the group has no such member",
    26 InvalidSessionTimeout "INVALID_SESSION_TIMEOUT" fail "the session timeout is outside group.min.session.timeout.ms and group.max.session.timeout.ms",
    27 RebalanceInProgress "REBALANCE_IN_PROGRESS" fail "the group is rebalancing: join again",
    28 InvalidCommitOffsetSize "INVALID_COMMIT_OFFSET_SIZE" fail "the offsets to commit are too large together",
    29 TopicAuthorizationFailed "TOPIC_AUTHORIZATION_FAILED" fail "not authorized for the topic",
    30 GroupAuthorizationFailed "GROUP_AUTHORIZATION_FAILED" fail "not authorized for the group",
    31 ClusterAuthorizationFailed "CLUSTER_AUTHORIZATION_FAILED" fail "not authorized for the cluster",
    32 InvalidTimestamp "INVALID_TIMESTAMP" fail "a record's timestamp is outside the range that the topic accepts",
    33 UnsupportedSaslMechanism "UNSUPPORTED_SASL_MECHANISM" fail "the broker does not offer this SASL mechanism",
    34 IllegalSaslState "ILLEGAL_SASL_STATE" fail "the request does not fit the state of the SASL handshake",
    35 UnsupportedVersion "UNSUPPORTED_VERSION" fail "the broker does not know this version of the request",
    36 TopicAlreadyExists "TOPIC_ALREADY_EXISTS" fail "a topic of this name exists already",
    37 InvalidPartitions "INVALID_PARTITIONS" fail "the number of partitions is invalid",
    38 InvalidReplicationFactor "INVALID_REPLICATION_FACTOR" fail "the replication factor is below 1 or above the number of brokers",
    39 InvalidReplicaAssignment "INVALID_REPLICA_ASSIGNMENT" fail "the replica assignment is invalid",
    40 InvalidConfig "INVALID_CONFIG" fail "a configuration is invalid",
    41 NotController "NOT_CONTROLLER" retry "this broker is not the controller",
    42 InvalidRequest "INVALID_REQUEST" fail "the request contradicts itself or the protocol",
    43 UnsupportedForMessageFormat "UNSUPPORTED_FOR_MESSAGE_FORMAT" fail "the message format of the broker does not support this",
    44 PolicyViolation "POLICY_VIOLATION" fail "the request breaks a policy of the cluster",
    45 OutOfOrderSequenceNumber "OUT_OF_ORDER_SEQUENCE_NUMBER" fail "a sequence number is missing before this batch",
    46 DuplicateSequenceNumber "DUPLICATE_SEQUENCE_NUMBER" fail "this sequence number was written before",
    47 InvalidProducerEpoch "INVALID_PRODUCER_EPOCH" fail "the producer's epoch is old: a newer instance has taken over",
    48 InvalidTxnState "INVALID_TXN_STATE" fail "the operation does not fit the state of the transaction",
    49 InvalidProducerIdMapping "INVALID_PRODUCER_ID_MAPPING" fail "the producer id does not belong to this transactional id",
    50 InvalidTransactionTimeout "INVALID_TRANSACTION_TIMEOUT" fail "the transaction timeout is above transaction.max.timeout.ms",
    51 ConcurrentTransactions "CONCURRENT_TRANSACTIONS" retry "another operation of this transactional id is under way",
    52 TransactionCoordinatorFenced "TRANSACTION_COORDINATOR_FENCED" fail "the transaction coordinator has been replaced",
    53 TransactionalIdAuthorizationFailed "TRANSACTIONAL_ID_AUTHORIZATION_FAILED" fail "not authorized for the transactional id",
    54 SecurityDisabled "SECURITY_DISABLED" fail "security is not enabled on this cluster",
    55 OperationNotAttempted "OPERATION_NOT_ATTEMPTED" fail "not attempted, because another part of the request failed",
    56 KafkaStorageError "KAFKA_STORAGE_ERROR" retry "the broker's disk failed",
    57 LogDirNotFound "LOG_DIR_NOT_FOUND" fail "the broker has no such log directory",
    58 SaslAuthenticationFailed "SASL_AUTHENTICATION_FAILED" fail "SASL authentication failed",
    59 UnknownProducerId "UNKNOWN_PRODUCER_ID" fail "the broker knows nothing of this producer id, perhaps because its records have expired",
    60 ReassignmentInProgress "REASSIGNMENT_IN_PROGRESS" fail "a reassignment of the partition is in progress",
    61 DelegationTokenAuthDisabled "DELEGATION_TOKEN_AUTH_DISABLED" fail "delegation tokens are not enabled",
    62 DelegationTokenNotFound "DELEGATION_TOKEN_NOT_FOUND" fail "there is no such delegation token",
    63 DelegationTokenOwnerMismatch "DELEGATION_TOKEN_OWNER_MISMATCH" fail "not the owner or a renewer of the token",
    64 DelegationTokenRequestNotAllowed "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED" fail "tokens cannot be requested over this kind of connection",
    65 DelegationTokenAuthorizationFailed "DELEGATION_TOKEN_AUTHORIZATION_FAILED" fail "not authorized for the delegation token",
    66 DelegationTokenExpired "DELEGATION_TOKEN_EXPIRED" fail "the delegation token has expired",
    67 InvalidPrincipalType "INVALID_PRINCIPAL_TYPE" fail "this type of principal is not supported",
    68 NonEmptyGroup "NON_EMPTY_GROUP" fail "the group still has members",
    69 GroupIdNotFound "GROUP_ID_NOT_FOUND" fail "there is no such group",
    70 FetchSessionIdNotFound "FETCH_SESSION_ID_NOT_FOUND" retry "there is no such fetch session",
    71 InvalidFetchSessionEpoch "INVALID_FETCH_SESSION_EPOCH" retry "the epoch of the fetch session is invalid",
    72 ListenerNotFound "LISTENER_NOT_FOUND" retry "the leader has no listener of the name that the request came in on",
    73 TopicDeletionDisabled "TOPIC_DELETION_DISABLED" fail "deleting topics is disabled",
    74 FencedLeaderEpoch "FENCED_LEADER_EPOCH" retry "the leader epoch of the request is older than the broker's",
    75 UnknownLeaderEpoch "UNKNOWN_LEADER_EPOCH" retry "the leader epoch of the request is newer than the broker's",
    76 UnsupportedCompressionType "UNSUPPORTED_COMPRESSION_TYPE" fail "the compression type is not supported at this version of the request",
    77 StaleBrokerEpoch "STALE_BROKER_EPOCH" fail "the broker's epoch has changed",
    78 OffsetNotAvailable "OFFSET_NOT_AVAILABLE" retry "the high watermark has not caught up since the last election",
    79 MemberIdRequired "MEMBER_ID_REQUIRED" fail "join again with the member id of this answer",
    80 PreferredLeaderNotAvailable "PREFERRED_LEADER_NOT_AVAILABLE" retry "the preferred leader is not available",
    81 GroupMaxSizeReached "GROUP_MAX_SIZE_REACHED" fail "the group has as many members as it may",
    82 FencedInstanceId "FENCED_INSTANCE_ID" fail "another member has registered with the same group.instance.id",
    83 EligibleLeadersNotAvailable "ELIGIBLE_LEADERS_NOT_AVAILABLE" retry "no eligible leader is available",
    84 ElectionNotNeeded "ELECTION_NOT_NEEDED" retry "the partition has the leader that it should have",
    85 NoReassignmentInProgress "NO_REASSIGNMENT_IN_PROGRESS" fail "no reassignment of the partition is in progress",
    86 GroupSubscribedToTopic "GROUP_SUBSCRIBED_TO_TOPIC" fail "the group is subscribed to the topic",
    87 InvalidRecord "INVALID_RECORD" fail "a record fails the broker's checks",
    88 UnstableOffsetCommit "UNSTABLE_OFFSET_COMMIT" retry "the offset is part of a transaction that has not ended",
    89 ThrottlingQuotaExceeded "THROTTLING_QUOTA_EXCEEDED" retry "a quota is exceeded",
    90 ProducerFenced "PRODUCER_FENCED" fail "a newer producer with the same transactional id has taken over",
    91 ResourceNotFound "RESOURCE_NOT_FOUND" fail "there is no such resource",
    92 DuplicateResource "DUPLICATE_RESOURCE" fail "the resource is named twice",
    93 UnacceptableCredential "UNACCEPTABLE_CREDENTIAL" fail "the credential is not acceptable",
    94 InconsistentVoterSet "INCONSISTENT_VOTER_SET" fail "sender or receiver is not one of the voters",
    95 InvalidUpdateVersion "INVALID_UPDATE_VERSION" fail "the version of the update is invalid",
    96 FeatureUpdateFailed "FEATURE_UPDATE_FAILED" fail "the features could not be updated",
    97 PrincipalDeserializationFailure "PRINCIPAL_DESERIALIZATION_FAILURE" fail "the forwarded principal is unreadable",
    98 SnapshotNotFound "SNAPSHOT_NOT_FOUND" fail "there is no such snapshot",
    99 PositionOutOfRange "POSITION_OUT_OF_RANGE" fail "the position is outside the snapshot",
    100 UnknownTopicId "UNKNOWN_TOPIC_ID" retry "the broker hosts no topic of this id",
    101 DuplicateBrokerRegistration "DUPLICATE_BROKER_REGISTRATION" fail "the broker id is in use",
    102 BrokerIdNotRegistered "BROKER_ID_NOT_REGISTERED" fail "the broker id is not registered",
    103 InconsistentTopicId "INCONSISTENT_TOPIC_ID" retry "the log's topic id is not the one in the request",
    104 InconsistentClusterId "INCONSISTENT_CLUSTER_ID" fail "the cluster id in the request is not this cluster's",
    105 TransactionalIdNotFound "TRANSACTIONAL_ID_NOT_FOUND" fail "there is no such transactional id",
    106 FetchSessionTopicIdError "FETCH_SESSION_TOPIC_ID_ERROR" retry "the fetch session mixes topic names and ids",
    107 IneligibleReplica "INELIGIBLE_REPLICA" fail "a replica is not eligible for the ISR",
    108 NewLeaderElected "NEW_LEADER_ELECTED" fail "the partition has got a new leader",
    109 OffsetMovedToTieredStorage "OFFSET_MOVED_TO_TIERED_STORAGE" fail "the offset has moved to tiered storage",
    110 FencedMemberEpoch "FENCED_MEMBER_EPOCH" fail "the member's epoch is fenced: give up all partitions and join again",
    111 UnreleasedInstanceId "UNRELEASED_INSTANCE_ID" fail "another member still uses this group.instance.id",
    112 UnsupportedAssignor "UNSUPPORTED_ASSIGNOR" fail "the group does not know this assignor",
    113 StaleMemberEpoch "STALE_MEMBER_EPOCH" fail "the member's epoch is old: retry after the next heartbeat",
    114 MismatchedEndpointType "MISMATCHED_ENDPOINT_TYPE" fail "the request was sent to the wrong kind of endpoint",
    115 UnsupportedEndpointType "UNSUPPORTED_ENDPOINT_TYPE" fail "this kind of endpoint is not supported",
    116 UnknownControllerId "UNKNOWN_CONTROLLER_ID" fail "there is no such controller",
    117 UnknownSubscriptionId "UNKNOWN_SUBSCRIPTION_ID" fail "the telemetry subscription is unknown or old",
    118 TelemetryTooLarge "TELEMETRY_TOO_LARGE" fail "the telemetry is larger than the broker accepts",
    119 InvalidRegistration "INVALID_REGISTRATION" fail "the controller finds the registration invalid",
    120 TransactionAbortable "TRANSACTION_ABORTABLE" fail "the transaction failed: abort it and go on",
    121 InvalidRecordState "INVALID_RECORD_STATE" fail "the record cannot be acknowledged in its state",
    122 ShareSessionNotFound "SHARE_SESSION_NOT_FOUND" retry "there is no such share session",
    123 InvalidShareSessionEpoch "INVALID_SHARE_SESSION_EPOCH" retry "the epoch of the share session is invalid",
    124 FencedStateEpoch "FENCED_STATE_EPOCH" fail "the state epoch of the share group does not match",
    125 InvalidVoterKey "INVALID_VOTER_KEY" fail "the voter's key does not match the receiver's",
    126 DuplicateVoter "DUPLICATE_VOTER" fail "the voter is already in the set",
    127 VoterNotFound "VOTER_NOT_FOUND" fail "the voter is not in the set",
    128 InvalidRegularExpression "INVALID_REGULAR_EXPRESSION" fail "the regular expression is invalid",
    129 RebootstrapRequired "REBOOTSTRAP_REQUIRED" fail "the client's metadata is too old: start again from the bootstrap servers",
    130 StreamsInvalidTopology "STREAMS_INVALID_TOPOLOGY" fail "the topology is invalid",
    131 StreamsInvalidTopologyEpoch "STREAMS_INVALID_TOPOLOGY_EPOCH" fail "the topology epoch is invalid",
    132 StreamsTopologyFenced "STREAMS_TOPOLOGY_FENCED" fail "the topology epoch is old",
    133 ShareSessionLimitReached "SHARE_SESSION_LIMIT_REACHED" retry "there are as many share sessions as there may be",
}
