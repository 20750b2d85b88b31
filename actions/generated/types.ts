export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  bigint: { input: number; output: number; }
  jsonb: { input: unknown; output: unknown; }
  timestamptz: { input: string; output: string; }
  uuid: { input: string; output: string; }
};

export type AddOnOffer = {
  readonly addOnId: Scalars['String']['output'];
  readonly name: Scalars['String']['output'];
  readonly priceCents: Scalars['bigint']['output'];
  readonly quantity: Scalars['Int']['output'];
};

export type ApiKeySecret = {
  readonly expiresAt?: Maybe<Scalars['timestamptz']['output']>;
  readonly id: Scalars['uuid']['output'];
  readonly key: Scalars['String']['output'];
  readonly prefix: Scalars['String']['output'];
};

export type CurrentUsage = {
  readonly metrics: ReadonlyArray<UsageMetric>;
  readonly period: Scalars['String']['output'];
  readonly periodStart: Scalars['timestamptz']['output'];
  readonly planId: Scalars['String']['output'];
  readonly resetsAt?: Maybe<Scalars['timestamptz']['output']>;
  readonly workspaceId: Scalars['uuid']['output'];
};

export type MemberUse = {
  readonly limit?: Maybe<Scalars['bigint']['output']>;
  readonly memberId: Scalars['uuid']['output'];
  readonly remaining?: Maybe<Scalars['bigint']['output']>;
  readonly reserved: Scalars['bigint']['output'];
  readonly used: Scalars['bigint']['output'];
};

export type Mutation = {
  /** Changes the amount of a recorded use, named by its idempotencyKey, for a reason that the ledger keeps. As long as its period is open. */
  readonly amendUsage: UsageCorrection;
  /** Turns a reservation into use: all of it, or the amount given. More than was held only where the metric allows overage. */
  readonly commitUsage: UsageDecision;
  /** Uses an amount of a metric that no table row stands for. With required: true a denial is an error, so the mutations behind it do not run. */
  readonly consumeUsage: UsageDecision;
  /** Uses amounts of several metrics, all of them or none. */
  readonly consumeUsages: UsageDecisions;
  /** Makes a key for a server of the workspace. The key is shown this once; without scopes it has all of them. */
  readonly createApiKey: ApiKeySecret;
  /** Registers a URL for the workspace's alerts. The secret is shown this once. */
  readonly createWebhook: WebhookSecret;
  /** Holds a reservation for so many seconds from now on, never for less than it had. */
  readonly extendReservation: UsageDecision;
  /** Gives a reservation back unused. */
  readonly releaseUsage: UsageDecision;
  /** Sends a delivery again, with the same webhook-id. */
  readonly resendWebhook: WebhookReceipt;
  /** Holds an amount until it is committed, released or expired. */
  readonly reserveUsage: UsageDecision;
  /** Holds amounts of several metrics, all of them or none. Each hold is settled by its own reservationId. */
  readonly reserveUsages: UsageDecisions;
  /** Ends a key at once. */
  readonly revokeApiKey: RevokedApiKey;
  /** Gives an endpoint a new secret, shown this once; the one before stays good until previousSecretExpiresAt. */
  readonly rotateWebhookSecret: WebhookSecret;
  /** Sends an event of type webhook.test to an endpoint. */
  readonly testWebhook: WebhookReceipt;
  /** Stores events and says what became of each. A bad event costs no good one; an event that is known already is not stored again. */
  readonly trackEvents: TrackResult;
  /** Takes a recorded use back, named by its idempotencyKey, for a reason that the ledger keeps. As long as its period is open. */
  readonly voidUsage: UsageCorrection;
};


export type MutationAmendUsageArgs = {
  amount: Scalars['bigint']['input'];
  correctionKey?: InputMaybe<Scalars['String']['input']>;
  idempotencyKey: Scalars['String']['input'];
  metric?: InputMaybe<Scalars['String']['input']>;
  reason: Scalars['String']['input'];
  workspaceId: Scalars['uuid']['input'];
};


export type MutationCommitUsageArgs = {
  amount?: InputMaybe<Scalars['bigint']['input']>;
  reservationId: Scalars['uuid']['input'];
  workspaceId: Scalars['uuid']['input'];
};


export type MutationConsumeUsageArgs = {
  amount?: InputMaybe<Scalars['bigint']['input']>;
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  metric: Scalars['String']['input'];
  occurredAt?: InputMaybe<Scalars['timestamptz']['input']>;
  partial?: InputMaybe<Scalars['Boolean']['input']>;
  required?: InputMaybe<Scalars['Boolean']['input']>;
  workspaceId: Scalars['uuid']['input'];
};


export type MutationConsumeUsagesArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  items: ReadonlyArray<UsageItemInput>;
  required?: InputMaybe<Scalars['Boolean']['input']>;
  workspaceId: Scalars['uuid']['input'];
};


export type MutationCreateApiKeyArgs = {
  expiresAt?: InputMaybe<Scalars['timestamptz']['input']>;
  name: Scalars['String']['input'];
  scopes?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  workspaceId: Scalars['uuid']['input'];
};


export type MutationCreateWebhookArgs = {
  description?: InputMaybe<Scalars['String']['input']>;
  eventTypes?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  url: Scalars['String']['input'];
  workspaceId: Scalars['uuid']['input'];
};


export type MutationExtendReservationArgs = {
  reservationId: Scalars['uuid']['input'];
  ttlSeconds?: InputMaybe<Scalars['Int']['input']>;
  workspaceId: Scalars['uuid']['input'];
};


export type MutationReleaseUsageArgs = {
  reservationId: Scalars['uuid']['input'];
  workspaceId: Scalars['uuid']['input'];
};


export type MutationResendWebhookArgs = {
  deliveryId: Scalars['uuid']['input'];
};


export type MutationReserveUsageArgs = {
  amount?: InputMaybe<Scalars['bigint']['input']>;
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  metric: Scalars['String']['input'];
  partial?: InputMaybe<Scalars['Boolean']['input']>;
  required?: InputMaybe<Scalars['Boolean']['input']>;
  ttlSeconds?: InputMaybe<Scalars['Int']['input']>;
  workspaceId: Scalars['uuid']['input'];
};


export type MutationReserveUsagesArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  items: ReadonlyArray<UsageItemInput>;
  required?: InputMaybe<Scalars['Boolean']['input']>;
  ttlSeconds?: InputMaybe<Scalars['Int']['input']>;
  workspaceId: Scalars['uuid']['input'];
};


export type MutationRevokeApiKeyArgs = {
  id: Scalars['uuid']['input'];
  workspaceId: Scalars['uuid']['input'];
};


export type MutationRotateWebhookSecretArgs = {
  endpointId: Scalars['uuid']['input'];
};


export type MutationTestWebhookArgs = {
  endpointId: Scalars['uuid']['input'];
};


export type MutationTrackEventsArgs = {
  events: ReadonlyArray<TrackEventInput>;
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  workspaceId: Scalars['uuid']['input'];
};


export type MutationVoidUsageArgs = {
  correctionKey?: InputMaybe<Scalars['String']['input']>;
  idempotencyKey: Scalars['String']['input'];
  metric?: InputMaybe<Scalars['String']['input']>;
  reason: Scalars['String']['input'];
  workspaceId: Scalars['uuid']['input'];
};

export type PressingMetric = {
  readonly fullAt?: Maybe<Scalars['timestamptz']['output']>;
  readonly limit: Scalars['bigint']['output'];
  readonly metric: Scalars['String']['output'];
  readonly projected: Scalars['bigint']['output'];
  readonly reason: Scalars['String']['output'];
  readonly reserved: Scalars['bigint']['output'];
  readonly used: Scalars['bigint']['output'];
};

export type Query = {
  /** Says whether an amount of a metric may be used now, and changes nothing. */
  readonly checkUsage: UsageDecision;
  /** Used, reserved, limit and remaining of every metric, for the present period or the one that holds the given moment. */
  readonly getCurrentUsage: CurrentUsage;
  /** What presses, when it will be full, and the plan or the add-ons that fit the forecast at the least price; a lower plan after quiet periods. */
  readonly suggestUpgrade: UpgradeSuggestion;
};


export type QueryCheckUsageArgs = {
  amount?: InputMaybe<Scalars['bigint']['input']>;
  metric: Scalars['String']['input'];
  workspaceId: Scalars['uuid']['input'];
};


export type QueryGetCurrentUsageArgs = {
  period?: InputMaybe<Scalars['String']['input']>;
  workspaceId: Scalars['uuid']['input'];
};


export type QuerySuggestUpgradeArgs = {
  workspaceId: Scalars['uuid']['input'];
};

export type RevokedApiKey = {
  readonly id: Scalars['uuid']['output'];
  readonly revokedAt: Scalars['timestamptz']['output'];
};

export type TrackEventInput = {
  readonly anonymousId?: InputMaybe<Scalars['String']['input']>;
  readonly appVersion?: InputMaybe<Scalars['String']['input']>;
  readonly category?: InputMaybe<Scalars['String']['input']>;
  readonly channelId?: InputMaybe<Scalars['uuid']['input']>;
  readonly data?: InputMaybe<Scalars['jsonb']['input']>;
  readonly id?: InputMaybe<Scalars['String']['input']>;
  readonly platform?: InputMaybe<Scalars['String']['input']>;
  readonly sessionId?: InputMaybe<Scalars['String']['input']>;
  readonly source?: InputMaybe<Scalars['String']['input']>;
  readonly subject?: InputMaybe<Scalars['String']['input']>;
  readonly time?: InputMaybe<Scalars['timestamptz']['input']>;
  readonly type: Scalars['String']['input'];
};

export type TrackResult = {
  readonly accepted: Scalars['Int']['output'];
  readonly duplicates: Scalars['Int']['output'];
  readonly invalid: Scalars['Int']['output'];
  readonly results: ReadonlyArray<TrackedEvent>;
};

export type TrackedEvent = {
  readonly code?: Maybe<Scalars['String']['output']>;
  readonly id?: Maybe<Scalars['String']['output']>;
  readonly index: Scalars['Int']['output'];
  readonly message?: Maybe<Scalars['String']['output']>;
  readonly path?: Maybe<Scalars['String']['output']>;
  readonly status: Scalars['String']['output'];
};

export type UpgradeOffer = {
  readonly name: Scalars['String']['output'];
  readonly planId: Scalars['String']['output'];
  readonly priceCents: Scalars['bigint']['output'];
};

export type UpgradeSuggestion = {
  readonly addOns: ReadonlyArray<AddOnOffer>;
  readonly currentPlanId: Scalars['String']['output'];
  readonly downgrade?: Maybe<UpgradeOffer>;
  readonly metrics: ReadonlyArray<Scalars['String']['output']>;
  readonly pressing: ReadonlyArray<PressingMetric>;
  readonly recommendation: Scalars['String']['output'];
  readonly upgrade?: Maybe<UpgradeOffer>;
  readonly why: Scalars['String']['output'];
  readonly workspaceId: Scalars['uuid']['output'];
};

export type UsageCorrection = {
  readonly allowed: Scalars['Boolean']['output'];
  readonly amount?: Maybe<Scalars['bigint']['output']>;
  readonly amountBefore?: Maybe<Scalars['bigint']['output']>;
  readonly correctionKey?: Maybe<Scalars['String']['output']>;
  readonly eventKey: Scalars['String']['output'];
  readonly limit?: Maybe<Scalars['bigint']['output']>;
  readonly metric?: Maybe<Scalars['String']['output']>;
  readonly periodStart?: Maybe<Scalars['timestamptz']['output']>;
  readonly reason?: Maybe<Scalars['String']['output']>;
  readonly remaining?: Maybe<Scalars['bigint']['output']>;
  readonly used?: Maybe<Scalars['bigint']['output']>;
};

export type UsageDecision = {
  readonly addOn?: Maybe<AddOnOffer>;
  readonly allowed: Scalars['Boolean']['output'];
  readonly amount?: Maybe<Scalars['bigint']['output']>;
  readonly expiresAt?: Maybe<Scalars['timestamptz']['output']>;
  readonly granted?: Maybe<Scalars['bigint']['output']>;
  readonly limit?: Maybe<Scalars['bigint']['output']>;
  readonly limitedBy?: Maybe<Scalars['String']['output']>;
  readonly member?: Maybe<MemberUse>;
  readonly metric?: Maybe<Scalars['String']['output']>;
  readonly overage?: Maybe<Scalars['bigint']['output']>;
  readonly reason?: Maybe<Scalars['String']['output']>;
  readonly remaining?: Maybe<Scalars['bigint']['output']>;
  readonly reservationId?: Maybe<Scalars['uuid']['output']>;
  readonly reservationStatus?: Maybe<Scalars['String']['output']>;
  readonly reserved?: Maybe<Scalars['bigint']['output']>;
  readonly resetsAt?: Maybe<Scalars['timestamptz']['output']>;
  readonly retryAfterSeconds?: Maybe<Scalars['Int']['output']>;
  readonly source?: Maybe<Scalars['String']['output']>;
  readonly upgrade?: Maybe<UpgradeOffer>;
  readonly used?: Maybe<Scalars['bigint']['output']>;
};

export type UsageDecisions = {
  readonly allowed: Scalars['Boolean']['output'];
  readonly items: ReadonlyArray<UsageDecision>;
  readonly reason?: Maybe<Scalars['String']['output']>;
};

export type UsageItemInput = {
  readonly amount?: InputMaybe<Scalars['bigint']['input']>;
  readonly metric: Scalars['String']['input'];
};

export type UsageMetric = {
  readonly kind: Scalars['String']['output'];
  readonly limit?: Maybe<Scalars['bigint']['output']>;
  readonly metric: Scalars['String']['output'];
  readonly peak?: Maybe<Scalars['bigint']['output']>;
  readonly percent?: Maybe<Scalars['Float']['output']>;
  readonly remaining?: Maybe<Scalars['bigint']['output']>;
  readonly reserved: Scalars['bigint']['output'];
  readonly status: Scalars['String']['output'];
  readonly unit: Scalars['String']['output'];
  readonly used: Scalars['bigint']['output'];
};

export type WebhookReceipt = {
  readonly deliveryId: Scalars['uuid']['output'];
  readonly eventId: Scalars['String']['output'];
};

export type WebhookSecret = {
  readonly endpointId: Scalars['uuid']['output'];
  readonly previousSecretExpiresAt?: Maybe<Scalars['timestamptz']['output']>;
  readonly secret: Scalars['String']['output'];
};
