/** A named volume of the local driver. */
export interface Volume {
  readonly name: string;
  readonly mountpoint: string;
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>> | null;
  /** Made for one container, with a name nobody chose. */
  readonly anonymous: boolean;
}

export interface Volumes {
  /** Makes it if it is missing; gives the existing one otherwise. */
  create(request: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly options?: Readonly<Record<string, string>>;
    readonly anonymous?: boolean;
  }): Promise<Volume>;
  get(name: string): Promise<Volume | undefined>;
  list(): Promise<readonly Volume[]>;
  remove(name: string): Promise<void>;
}
