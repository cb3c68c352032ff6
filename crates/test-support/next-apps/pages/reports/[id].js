import { MARKER } from '../../marker';

export function getServerSideProps({ params }) {
  return { props: { text: `${MARKER} ${params.id}` } };
}

export default function Page({ text }) {
  return <h1>{text}</h1>;
}
